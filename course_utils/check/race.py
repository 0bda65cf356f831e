"""Times a call against a plain Python loop of as many multiply-adds, on the same machine at the same time.

The loop is no solution of any task: it multiplies and adds numbers of two lists, one pair at a time. What it
takes says how fast this machine is now, so that a threshold means the same on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import TypeVar

from threadpoolctl import threadpool_limits

Result = TypeVar("Result")

FASTER = 10.0  # how many times as fast as the loop a call must be beside the learner,
JUDGED = 8.0  # and at a judge, whose clock is the coarser one
LEAST = 10_000_000  # multiply-adds of a race that a judge runs: fewer are over before its clock can tell
TRIES = 3  # of which the fastest counts: all else that a machine does can only slow a call down
PATIENT = 1.0  # seconds after which a call is not tried again
SAMPLE = 200_000  # multiply-adds of the loop that are timed


def loop_seconds(multiply_adds: int) -> float:
    """Return the seconds that a plain loop of ``multiply_adds`` takes here: a part is timed and scaled up."""
    one, other = [0.5] * 1_000, [0.25] * 1_000
    best = float("inf")
    for _ in range(TRIES):
        total = 0.0
        begin = perf_counter()
        for _ in range(SAMPLE // 1_000):
            for i in range(1_000):
                total += one[i] * other[i]
        best = min(best, perf_counter() - begin)
    return best * multiply_adds / SAMPLE


def race(call: Callable[[], tuple[Result, float]], multiply_adds: int, enough: float) -> tuple[Result, float]:
    """Return the result of ``call``, which also tells its seconds, and how many times as fast as the loop.

    It is tried up to three times, or until it was ``enough`` times as fast, and the fastest counts. NumPy's
    library gets one thread, as the loop does: several wait for one another where a machine is busy.
    """
    best = float("inf")
    loop = loop_seconds(multiply_adds)
    with threadpool_limits(1):
        for _ in range(TRIES):
            result, seconds = call()
            best = min(best, seconds)
            if loop / best >= enough or best > PATIENT:
                break
    return result, loop / best


def too_slow(speed: float, faster: float) -> str:
    """Say that the values are right and that the call was too slow."""
    measured = f"{times(speed)} as fast as a plain loop"
    return f"the values are right, and it is {measured}: at least {faster:g} times is asked for"


def times(speed: float) -> str:
    """Write how many times as fast, with two digits."""
    return f"{speed:,.0f} times" if speed >= 10 else f"{speed:.2g} times"
