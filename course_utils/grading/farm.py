"""Judges many submissions at once, in worker processes that may die without taking the others with them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.grading.judge import Bundle, Judgement, judge, preload
from course_utils.grading.sandbox import Sandbox, choose
from course_utils.grading.sandbox.limits import Limits
from course_utils.grading.sandbox.scratch import Scratch

WORKERS = min(2, os.cpu_count() or 1)
CHANCES = 3  # of a submission whose worker dies: the last ones on its own
GRACE = 90  # seconds beyond a submission's limit after which its judge is taken for stuck


@dataclass(frozen=True)
class Failure:
    """A submission that could not be judged, through no verdict on it; ``reason`` is one line."""

    reason: str


def judge_all(
    bundles: Iterable[tuple[str, Bundle]], sandbox: str, limits: Limits, workers: int = WORKERS
) -> Iterator[tuple[str, Judgement | Failure]]:
    """Judge bundles, which have learners' names, and yield each judgement as it comes.

    Bundles are taken from the iterable as workers become free. When a worker dies, those who were being
    judged get another chance at the end, each alone, so that only a submission that kills its judge again and
    again stays without a judgement.
    """
    left = iter(bundles)
    suspects: list[tuple[str, Bundle]] = []
    with Scratch() as scratch:
        broken = True
        while broken:
            with _Pool(workers, sandbox, limits, scratch) as pool:
                yield from pool.run(left)
            broken = bool(pool.lost)
            suspects += pool.lost
        for learner, bundle in suspects:
            for _ in range(CHANCES - 1):
                with _Pool(1, sandbox, limits, scratch) as pool:
                    yield from pool.run(iter([(learner, bundle)]))
                if not pool.lost:
                    break
            else:
                yield learner, Failure("the judge died several times while it was at work on this one")


class _Pool:
    """Worker processes; all of them are gone when the context is left.

    ``lost`` has the bundles that were being judged when a worker died: with it the whole pool ends.
    """

    def __init__(self, workers: int, sandbox: str, limits: Limits, scratch: Path) -> None:
        self.workers = workers
        self.lost: list[tuple[str, Bundle]] = []
        start = (sandbox, limits, scratch, os.getpid())
        self.executor = ProcessPoolExecutor(workers, get_context("spawn"), _begin, start)

    def __enter__(self) -> _Pool:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        processes = list((self.executor._processes or {}).values())
        self.executor.shutdown(wait=kind is None, cancel_futures=True)
        for process in processes:
            process.kill()
            process.join()

    def run(self, bundles: Iterator[tuple[str, Bundle]]) -> Iterator[tuple[str, Judgement | Failure]]:
        """Yield a result for each bundle, until there are no more or a worker dies."""
        running: dict[Future[Judgement], tuple[str, Bundle]] = {}
        while not self.lost:
            for learner, bundle in islice(bundles, self.workers - len(running)):
                try:
                    running[self.executor.submit(_work, bundle)] = learner, bundle
                except BrokenProcessPool:
                    self.lost.append((learner, bundle))
            if not running:
                return
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                learner, bundle = running.pop(future)
                try:
                    yield learner, future.result()
                except BrokenProcessPool:
                    self.lost.append((learner, bundle))
                except Exception as error:
                    name = "" if isinstance(error, CourseError) else f"{type(error).__name__}: "
                    yield learner, Failure(f"{name}{error}".split("\n")[0])
        self.lost += running.values()


class _Worker:
    """What a worker process holds: its sandbox, opened when the first bundle tells what to load."""

    def __init__(self, kind: str, limits: Limits, scratch: Path) -> None:
        self.kind, self.limits, self.scratch = kind, limits, scratch
        self.sandbox: Sandbox | None = None
        self.modules: list[str] = []

    def work(self, bundle: Bundle) -> Judgement:
        """Judge a bundle, once more in a new sandbox where the old one has come to an end."""
        for _ in range(CHANCES - 1):
            try:
                return judge(bundle, self._sandbox(bundle))
            except CourseError:
                self.close()
        return judge(bundle, self._sandbox(bundle))

    def _sandbox(self, bundle: Bundle) -> Sandbox:
        modules = preload(bundle.solution)
        if self.sandbox is None or modules != self.modules:
            self.close()
            self.sandbox, self.modules = choose(self.kind, self.scratch, self.limits, modules), modules
            self.sandbox.__enter__()
        return self.sandbox

    def close(self) -> None:
        """Close the sandbox."""
        if self.sandbox is not None:
            self.sandbox.__exit__()
            self.sandbox = None


_worker: list[_Worker] = []


def _begin(kind: str, limits: Limits, scratch: Path, parent: int) -> None:
    """Prepare a worker process: it leaves interrupts to its parent and does not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()
    _worker.append(_Worker(kind, limits, scratch))


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)


def _work(bundle: Bundle) -> Judgement:
    worker = _worker[0]
    stuck = threading.Timer(worker.limits.submission_seconds + GRACE, os._exit, (1,))
    stuck.daemon = True
    stuck.start()
    try:
        return worker.work(bundle)
    finally:
        stuck.cancel()
