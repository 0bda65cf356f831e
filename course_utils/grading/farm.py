"""Judges many submissions at once, in worker processes that may die without taking the others with them."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
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
    bundles: Mapping[str, Bundle], sandbox: str, limits: Limits, workers: int = WORKERS
) -> Iterator[tuple[str, Judgement | Failure]]:
    """Judge the bundles, which have learners' names, and yield each judgement as it comes.

    When a worker dies, those who were being judged get another chance, one at a time, so that only a
    submission that kills its judge again and again stays without a judgement.
    """
    suspects: dict[str, int] = {}
    waiting = list(bundles)
    with Scratch() as scratch:
        while waiting:
            alone = all(learner in suspects for learner in waiting)
            lost: list[str] = []
            with _Pool(1 if alone else min(workers, len(waiting)), sandbox, limits, scratch) as pool:
                for learner, result in pool.run(bundles, waiting):
                    if result is None:
                        suspects[learner] = suspects.get(learner, 0) + 1
                        lost.append(learner)
                    else:
                        waiting.remove(learner)
                        yield learner, result
            for learner in lost:
                if suspects[learner] >= CHANCES:
                    waiting.remove(learner)
                    yield learner, Failure("the judge died several times while it was at work on this one")
            waiting.sort(key=lambda learner: suspects.get(learner, 0))


class _Pool:
    """Worker processes; all of them are gone when the context is left."""

    def __init__(self, workers: int, sandbox: str, limits: Limits, scratch: Path) -> None:
        self.workers = workers
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

    def run(
        self, bundles: Mapping[str, Bundle], learners: list[str]
    ) -> Iterator[tuple[str, Judgement | Failure | None]]:
        """Yield a result for each learner; None, and then no more, for those whose worker died."""
        left = list(learners)
        running: dict[Future[Judgement], str] = {}
        while left or running:
            while left and len(running) < self.workers:
                learner = left.pop(0)
                try:
                    future = self.executor.submit(_work, bundles[learner])
                except BrokenProcessPool:
                    left = []
                else:
                    running[future] = learner
            if not running:
                return
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                learner = running.pop(future)
                try:
                    yield learner, future.result()
                except BrokenProcessPool:
                    yield learner, None
                    left = []
                except Exception as error:
                    text = (
                        str(error) if isinstance(error, CourseError) else f"{type(error).__name__}: {error}"
                    )
                    yield learner, Failure(text.split("\n")[0])


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
