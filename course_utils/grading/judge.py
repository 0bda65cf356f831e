"""Judges a submission: runs it in a kernel that is not trusted, and compares outside of it.

A judgement is a function of bytes: the sanitised notebook, the files beside it, the solution's texts and the
seeds. It opens no database and reads no folder of the course, so that it can be made on any machine.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import nbformat
import numpy as np
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course_utils.check import expected as expected_outputs
from course_utils.check import race
from course_utils.check import verdict as verdicts
from course_utils.check.advice import forbidden, imports, parse
from course_utils.check.report import Report
from course_utils.check.task import Case, Expected, Outcome, Task
from course_utils.check.transport import Answer, Request, plain
from course_utils.grading import solution as solutions
from course_utils.grading.kernel import Kernel, KernelDiedError, KernelLostError
from course_utils.grading.outputs import kept
from course_utils.grading.sandbox import Sandbox
from course_utils.grading.sandbox.limits import MIB, Limits

PATIENCE, BUDGET = 10.0, 40.0  # seconds for a call and for a task: twice what a learner's own check gives
RESOLUTION = 0.001  # seconds: a race is not timed more finely
MOST_NOTES = 10  # on what a solution uses
SLACK = 8 * MIB  # bytes that a task's results may take beyond four times the right ones


@dataclass(frozen=True)
class Bundle:
    """Everything that decides a judgement; ``seeds`` has the tasks to judge, with their cases' seeds."""

    notebook: str
    files: Mapping[str, bytes]
    solution: solutions.Source
    seeds: Mapping[str, int]


@dataclass(frozen=True)
class Judgement:
    """What came of it, as plain data.

    ``outputs`` has what each of the learner's own code cells left, by the cell's number; ``tasks`` has each
    task's verdict as a dictionary, with its report.
    """

    outputs: Mapping[str, list[dict[str, Any]]]
    tasks: Mapping[str, dict[str, Any]]


def judge(bundle: Bundle, sandbox: Sandbox) -> Judgement:
    """Run the notebook and judge the tasks that ``bundle.seeds`` names."""
    solution = _solution(bundle.solution)
    notebook = nbformat.reads(bundle.notebook, as_version=4)
    tasks = [task for task in solution.tasks if task.name in bundle.seeds]
    deadline = time.monotonic() + sandbox.limits.submission_seconds
    judged: dict[str, dict[str, Any]] = {}
    outputs: dict[str, list[dict[str, Any]]] = {}
    for hidden in _hidden_sets(tasks):
        with Run(sandbox, notebook, bundle.files, hidden, deadline) as run:
            for task in tasks:
                if set(task.forbids) == hidden:
                    cases = fresh_cases(task, bundle.seeds[task.name])
                    expected = expected_outputs.record_reference(task, solution.reference, cases)
                    answer = _answer(run, expected)
                    judged[task.name] = _verdict(solution, task, expected, answer, notebook, sandbox.name)
            if not outputs:
                run.finish()
                outputs = run.outputs()
    return Judgement(outputs, {task.name: judged[task.name] for task in tasks})


def fresh_cases(task: Task, seed: int) -> list[Case]:
    """Return a task's cases for one learner: the public ones with other numbers, and the hidden ones.

    Of a race that is too short for a judge's clock only the values count.
    """
    rng = np.random.default_rng(seed)
    cases = [*task.cases(rng), *task.hidden(rng)]
    return [c if c.multiply_adds >= race.LEAST else dataclasses.replace(c, multiply_adds=0) for c in cases]


def preload(solution: solutions.Source) -> list[str]:
    """Return the modules that the solution's notebook imports: a template imports them for all."""
    found: dict[str, str] = {}
    for cell in nbformat.reads(solution.notebook, as_version=4).cells:
        if cell.cell_type == "code":
            found |= imports(parse(cell.source))
    modules = [name if _is_module(name) else name.rpartition(".")[0] for name in found.values()]
    return list(dict.fromkeys(module for module in modules if module))


class Run:
    """One passage through a notebook, for the tasks that hide the same packages.

    A kernel that is lost is followed by a fresh one, which runs the learner's cells again, without the one
    that ended the last.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        notebook: Any,
        files: Mapping[str, bytes],
        hidden: Iterable[str],
        deadline: float,
    ) -> None:
        self.sandbox, self.files, self.hidden, self.deadline = sandbox, files, tuple(hidden), deadline
        self.notebook = nbformat.from_dict(notebook)
        self.kernel: Kernel | None = None
        self.position = 0
        self.died: set[int] = set()
        self.fatal: dict[int, str] = {}

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self._drop()

    def ask(self, task: str, request: Request) -> Answer:
        """Run the learner's cells above a task's check and have the probe run its cases."""
        try:
            answer = self._ask(task, request)
        except KernelLostError as lost:
            self._drop()
            return Answer(_failures(request.cases, str(lost)))
        if answer.disturbed:
            self._drop()
        if self.fatal and all(outcome.errors == ("NameError",) for outcome in answer.outcomes):
            last = self.fatal[max(self.fatal)]
            return Answer(_failures(request.cases, f"{task} is not defined: its cell was given up, {last}"))
        return answer

    def race(self, task: str, request: Request, right: Outcome, multiply_adds: int) -> Answer:
        """Have the probe run the one case of ``request``, and tell how fast it was.

        The judge's own clock counts: the kernel's may be forged. The way to the kernel and back is taken off.
        """

        def call() -> tuple[Answer, float]:
            answer, seconds = _clocked(lambda: self.ask(task, request))
            return answer, max(seconds - way, RESOLUTION)

        try:
            way = self._way(task, request, right)
            self._reach(self._place(task))
        except KernelLostError as lost:
            self._drop()
            return Answer(_failures(request.cases, str(lost)))
        answer, speed = race.race(call, multiply_adds, enough=race.JUDGED)
        timed = tuple(dataclasses.replace(outcome, speed=speed) for outcome in answer.outcomes)
        return dataclasses.replace(answer, outcomes=timed)

    def _way(self, task: str, request: Request, right: Outcome) -> float:
        """Return the seconds that the arrays of ``request`` and of its right answer take there and back.

        They are measured in a kernel of its own, without the learner's code, that answers zeros at once.
        """
        shapes = [array.shape for array in right.arrays.values()]
        results = ", ".join(f"np.zeros({shape})" for shape in shapes)
        source = f"import numpy as np\nRIGHT = {results}\ndef {task}(*_):\n    return RIGHT"
        notebook = new_notebook(cells=[new_code_cell(source)])
        with Kernel(self.sandbox, notebook, {}, self.hidden) as kernel:
            kernel.run_cell(0, self._seconds())
            return min(_clocked(lambda: kernel.ask(request, self._seconds()))[1] for _ in range(race.TRIES))

    def _ask(self, task: str, request: Request) -> Answer:
        try:
            return self._reach(self._place(task)).ask(request, self._seconds())
        except KernelDiedError:  # once may be the machine's fault
            self._drop()
            return self._reach(self._place(task)).ask(request, self._seconds())

    def finish(self) -> None:
        """Run the cells that are left, for what they show."""
        try:
            self._reach(len(self.notebook.cells))
        except KernelLostError:
            self._drop()

    def outputs(self) -> dict[str, list[dict[str, Any]]]:
        """Return what the learner's cells left, cut to size, with a word where a cell ended its kernel."""
        found = {}
        for number, cell in self._own_cells():
            outputs = kept(cell.outputs, self.sandbox.limits.output)
            if number in self.fatal:
                note = f"This cell was given up: {self.fatal[number]}. The cells below ran without it.\n"
                outputs = [*outputs, new_output("stream", name="stderr", text=note)]
            found[str(number)] = outputs
        return found

    def _reach(self, place: int) -> Kernel:
        """Return a kernel that has run the learner's cells above ``place``."""
        while True:
            if self.kernel is None:
                self.kernel = Kernel(self.sandbox, self.notebook, self.files, self.hidden)
                self.position = 0
                self.kernel.__enter__()
            try:
                for number, _ in self._own_cells():
                    if self.position <= number < place and number not in self.fatal:
                        self.kernel.run_cell(number, self._seconds())
                        self.position = number + 1
                return self.kernel
            except KernelLostError as lost:
                self._seconds()
                if number in self.died or not isinstance(lost, KernelDiedError):
                    self.fatal[number] = str(lost)
                self.died.add(number)
                self._drop()

    def _own_cells(self) -> Iterator[tuple[int, Any]]:
        for number, cell in enumerate(self.notebook.cells):
            if cell.cell_type == "code" and not solutions.is_check(cell):
                yield number, cell

    def _place(self, task: str) -> int:
        return next(
            number
            for number, cell in enumerate(self.notebook.cells)
            if cell.metadata.get("nbgrader", {}).get("grade_id") == task
        )

    def _seconds(self) -> float:
        """Return the seconds that the submission has left; raise KernelLostError when there are none."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise KernelLostError(
                f"the notebook ran for {self.sandbox.limits.submission_seconds:.0f} s in all"
            )
        return left

    def _drop(self) -> None:
        if self.kernel is not None:
            self.kernel.end()
            self.kernel = None


@lru_cache(maxsize=4)
def _solution(source: solutions.Source) -> solutions.Solution:
    return solutions.make(source)


def _hidden_sets(tasks: Iterable[Task]) -> list[set[str]]:
    """Return the sets of packages that tasks hide, smallest first: the outputs of its run are shown."""
    return [set(names) for names in sorted({tuple(sorted(task.forbids)) for task in tasks} or {()}, key=len)]


def _answer(run: Run, expected: Expected) -> Answer:
    """Ask for all cases at once, and then for each race alone."""
    numbers = range(len(expected.cases))
    answers = [
        run.ask(
            expected.name, _request(expected, [i for i in numbers if not expected.cases[i].multiply_adds])
        )
    ]
    outcomes = iter(answers[0].outcomes)
    found: list[Outcome] = []
    for i, case in enumerate(expected.cases):
        if case.multiply_adds:
            request, right = _request(expected, [i]), expected.outcomes[i]
            answers.append(run.race(expected.name, request, right, case.multiply_adds))
            found += answers[-1].outcomes
        else:
            found.append(next(outcomes))
    return Answer(tuple(found), answers[0].said, any(answer.disturbed for answer in answers))


def _clocked(call: Callable[[], Answer]) -> tuple[Answer, float]:
    begin = time.perf_counter()
    answer = call()
    return answer, time.perf_counter() - begin


def _request(expected: Expected, numbers: Sequence[int]) -> Request:
    """Return the request for the cases of these numbers."""
    size = sum(array.nbytes for i in numbers for array in expected.outcomes[i].arrays.values())
    return Request(
        task=expected.name,
        probe=expected.probe,
        returns=expected.returns,
        cases=tuple(expected.cases[i] for i in numbers),
        patience=PATIENCE,
        budget=BUDGET,
        most=min(4 * size + SLACK, Limits.answer // 4),
    )


def _verdict(
    solution: solutions.Solution, task: Task, expected: Expected, answer: Answer, notebook: Any, sandbox: str
) -> dict[str, Any]:
    """Compare and diagnose; what cannot even be compared is wrong."""
    try:
        verdict = _compare(solution, task, expected, answer.outcomes)
    except Exception as error:
        failures = _failures(expected.cases, f"the result cannot be compared ({type(error).__name__})")
        verdict = _compare(solution, task, expected, failures)
    names = [plain(" ".join(name.split()), 100) for name in _advice(notebook, task)]
    notes = [f"Uses {name}, which this task does without." for name in names[:MOST_NOTES]]
    if sandbox == "none":
        notes.append("Judged without a sandbox.")
    report = Report(verdict, answer.said, notes)._repr_mimebundle_()
    return {**verdict.as_dict(), "advice": notes, "sandbox": sandbox, "report": report}


def _compare(
    solution: solutions.Solution, task: Task, expected: Expected, outcomes: tuple[Outcome, ...]
) -> verdicts.Verdict:
    with np.errstate(all="ignore"):
        verdict = verdicts.judge(expected, outcomes, race.JUDGED)
        if verdict.word in ("passed", "not attempted"):
            return verdict
        full = expected_outputs.record_mistakes(task, solution.reference, expected)
        return verdicts.judge(full, outcomes, race.JUDGED)


def _failures(cases: Iterable[Case], message: str) -> tuple[Outcome, ...]:
    return tuple(Outcome(errors=("KernelLostError",), message=message) for _ in cases)


def _advice(notebook: Any, task: Task) -> list[str]:
    """Return what the task's solution cells use of what the task forbids."""
    bound: dict[str, str] = {}
    for cell in notebook.cells:
        if cell.cell_type == "code":
            bound |= imports(parse(cell.source))
    texts = [
        cell.source
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("grade_id") == f"solution_{task.name}"
    ]
    return [name for text in texts for name in forbidden(text, task.forbids, bound)]


def _is_module(name: str) -> bool:
    from importlib.util import find_spec

    try:
        return find_spec(name) is not None
    except (ImportError, ValueError):
        return False
