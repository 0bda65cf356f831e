"""Experiments that a lecture replays from their records, and that anyone may run again.

The environment variable COURSE_RUN decides: ``replay`` (nothing set) reads the record that ships with the
course, ``run`` runs the experiment and writes a record of its own into the folder ``records`` beside the
notebook, which is replayed from then on, and ``smoke`` takes the same way with a few steps of each training.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import Progress
from scipy import stats

from course_utils.errors import CourseError

SHIPPED = Path(__file__).parent / "recorded"
OWN = Path("records")
MODES = ("replay", "run", "smoke")
Result = Mapping[str, float | Sequence[float]]


@dataclass(frozen=True, repr=False)
class Record:
    """The runs of an experiment: for each variant a list with one result a seed.

    A result names what was measured: a number, or a series such as the accuracy after each epoch.
    """

    name: str
    settings: dict[str, Any]
    seeds: list[int]
    runs: dict[str, list[dict[str, Any]]]
    seconds: float
    date: str
    machine: str
    versions: dict[str, str]
    replayed: bool = False

    def __repr__(self) -> str:
        runs = sum(len(results) for results in self.runs.values())
        how = "replayed from its record" if self.replayed else "run here"
        where = f"{self.date}, {self.machine}, {self.seconds / 60:.1f} min"
        return (
            f"{self.name}: {runs} trainings, {how} ({where}). "
            "COURSE_RUN=run in the environment of Jupyter runs it again."
        )

    def values(self, variant: str, what: str) -> NDArray[np.float64]:
        """Return what was measured, one row a seed: shape (seeds,), or (seeds, length) for a series."""
        return np.array([result[what] for result in self.runs[variant]], dtype=float)

    def mean(self, variant: str, what: str) -> Any:
        """Return the mean over the seeds: a number, or a series."""
        return self.values(variant, what).mean(axis=0)

    def interval(self, variant: str, what: str) -> Any:
        """Return half the width of the mean's 95 % confidence interval (Student's t) over the seeds."""
        return _half_width(self.values(variant, what))

    def difference(self, one: str, other: str, what: str) -> tuple[Any, Any]:
        """Return the mean of ``one`` minus ``other``, seed by seed, and half its 95 % confidence interval.

        Variants that share what a seed decides, such as the weights at the start and the order of the
        images, differ by less from seed to seed than each does alone.
        """
        differences = self.values(one, what) - self.values(other, what)
        return differences.mean(axis=0), _half_width(differences)


def _half_width(values: NDArray[np.float64]) -> Any:
    """Return half the width of the 95 % confidence interval of the mean over the first axis."""
    seeds = len(values)
    return stats.t.ppf(0.975, seeds - 1) * values.std(axis=0, ddof=1) / np.sqrt(seeds)


def mode() -> str:
    """Return COURSE_RUN: replay, run or smoke. Raises CourseError for another word."""
    word = os.environ.get("COURSE_RUN", MODES[0])
    if word not in MODES:
        raise CourseError(f"COURSE_RUN is {word!r}: it may be {', '.join(MODES)}")
    return word


def smokes() -> bool:
    """Tell whether trainings are cut to a few steps."""
    return mode() == "smoke"


def experiment(
    name: str,
    run: Callable[[str, int], Result],
    variants: Sequence[str],
    *,
    settings: Mapping[str, Any],
    seeds: Sequence[int] = (0, 1, 2),
) -> Record:
    """Return the record of an experiment: ``run(variant, seed)`` for every variant and seed.

    ``settings`` is what else decides the results (epochs, widths, ...), as plain data. A record that was made
    with other settings, variants or seeds is not replayed: CourseError says what differs and what to do.
    """
    if mode() == "replay":
        return _replay(name, variants, dict(settings), list(seeds))
    runs: dict[str, list[dict[str, Any]]] = {variant: [] for variant in variants}
    begin = perf_counter()
    with Progress() as progress:
        task = progress.add_task(name, total=len(variants) * len(seeds))
        for seed in seeds:
            for variant in variants:
                result = run(variant, seed)
                runs[variant].append({what: _plain(value) for what, value in result.items()})
                progress.advance(task)
    record = Record(
        name,
        _plain(dict(settings)),
        list(seeds),
        runs,
        round(perf_counter() - begin, 1),
        datetime.date.today().isoformat(),
        f"{os.cpu_count()} CPU cores, {torch.get_num_threads()} used",
        {"python": platform.python_version(), "torch": str(torch.__version__), "numpy": np.__version__},
    )
    if mode() == "run":
        _write(record)
    return record


def _replay(name: str, variants: Sequence[str], settings: dict[str, Any], seeds: list[int]) -> Record:
    again = "set COURSE_RUN=run in the environment of Jupyter to run the experiment"
    path = next((path for path in (OWN / f"{name}.json", SHIPPED / f"{name}.json") if path.exists()), None)
    if path is None:
        raise CourseError(f"there is no record of {name!r}: {again}")
    record = Record(**json.loads(path.read_text(encoding="utf-8")))
    asked = {"settings": _plain(settings), "seeds": seeds, "variants": list(variants)}
    found = {"settings": record.settings, "seeds": record.seeds, "variants": list(record.runs)}
    for what, value in asked.items():
        if value != found[what]:
            raise CourseError(f"the record {path} was made with {what} {found[what]}, not {value}: {again}")
    return Record(**{**asdict(record), "replayed": True})


def _write(record: Record) -> None:
    """Write the record beside the notebook, in one step: a reader never sees half of it."""
    OWN.mkdir(exist_ok=True)
    path = OWN / f"{record.name}.json"
    text = json.dumps({k: v for k, v in asdict(record).items() if k != "replayed"}, indent=1)
    draft = path.with_suffix(".tmp")
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(path)


def _plain(value: Any) -> Any:
    """Return numbers, lists and dictionaries as JSON has them, rounded to six digits that count."""
    if isinstance(value, Mapping):
        return {str(key): _plain(part) for key, part in value.items()}
    if isinstance(value, (np.ndarray, torch.Tensor)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    if isinstance(value, (float, np.floating)):
        return float(f"{value:.6g}")
    return int(value) if isinstance(value, np.integer) else value
