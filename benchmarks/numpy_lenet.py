"""Measures how fast the numpy layers of lecture 5 train a LeNet, beside PyTorch on the same processor.

Run `python benchmarks/numpy_lenet.py` on a quiet machine; it takes about two minutes and writes a record.

The code that is measured is the lecture's: its imports and definitions are executed from the source, cell by
cell, and nothing is written again here. Both networks start from the same weights, in float32, and their loss
and gradients must agree before a clock is started. Then they take training steps (forward, backward, SGD with
momentum) on the same batch, in turn, so that other work on the machine meets both. PyTorch runs eagerly, once
with as many threads as the machine has cores and once with one thread: on a machine that does other work,
threads that wait for each other can be slower than one. The ratio of a round takes the faster of the two.
numpy's matrix products run in one thread, as in the lecture.

Other work makes a median ratio better for numpy than it is. So the record also divides the best rounds, and
the smallest of all ratios is what may be quoted.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

LECTURE = Path(__file__).parents[1] / "lectures" / "05_backprop_through_convolution.py"
BATCHES = (32, 64, 128)
ROUNDS = 15
STEPS = 20  # of each network in a round
LEARNING_RATE, MOMENTUM = 0.01, 0.9
LARGEST_DIFFERENCE = 1e-4  # relative, in float32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds for each batch size")
    parser.add_argument("--no-write", dest="write", action="store_false", help="write no record")
    options = parser.parse_args()

    lecture = definitions(LECTURE)  # imports numpy after the lecture has set its number of threads
    results = {}
    for batch in BATCHES:
        results[str(batch)] = measure(lecture, batch, options.rounds)
        print(f"batch {batch}: {json.dumps(results[str(batch)])}", flush=True)
    ratios = [result[key] for result in results.values() for key in result if "/ torch" in key]
    record = {
        "date": datetime.now(UTC).date().isoformat(),
        **machine(),
        "threads of numpy's matrix products": int(os.environ["OPENBLAS_NUM_THREADS"]),
        "network": "LeNet of lecture 5, float32, 28 x 28, SGD with momentum",
        "load average at the end": [round(load, 1) for load in os.getloadavg()],
        "smallest numpy / torch": min(ratios),
        "batch sizes": results,
    }
    if options.write:
        path = Path(__file__).parent / "records" / "numpy_lenet.json"
        path.write_text(json.dumps(record, indent=1) + "\n")
        print(f"written to {path}")


def definitions(source: Path) -> dict[str, Any]:
    """Execute a lecture's imports, classes and functions, and what sets the environment; nothing else."""
    space: dict[str, Any] = {}
    keep = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
    for node in ast.parse(source.read_text(encoding="utf-8")).body:
        if isinstance(node, keep) or "os.environ" in ast.unparse(node):
            exec(compile(ast.Module([node], []), source.name, "exec"), space)
    return space


def measure(lecture: dict[str, Any], batch: int, rounds: int) -> dict[str, Any]:
    """Check that both networks agree on a batch, then time their training steps in turn."""
    np, torch = lecture["np"], lecture["torch"]
    images, labels = data(lecture, batch)
    net = lecture["LeNet"](np.random.default_rng(7), last=0.1)
    twin = lecture["in_torch"](net)
    library_images = torch.from_numpy(images.transpose(3, 0, 1, 2).copy())
    library_labels = torch.from_numpy(labels)
    optimiser = torch.optim.SGD(twin.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)

    def ours() -> float:
        loss = net.loss_and_gradients(images, labels)
        net.step(LEARNING_RATE, momentum=MOMENTUM)
        return float(loss)

    def theirs(threads: int) -> float:
        torch.set_num_threads(threads)
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(twin(library_images), library_labels)
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    cores = os.cpu_count() or 1
    losses = ours(), theirs(cores)
    differences = {"loss": abs(losses[0] - losses[1]) / losses[1]}
    arrays = [array for layer in net.with_weights for array in (layer.dw, layer.db)]
    for (name, parameter), array in zip(twin.named_parameters(), arrays, strict=True):
        expected = parameter.grad.numpy().reshape(array.shape)
        differences[name] = float(np.abs(array - expected).max() / np.abs(expected).max())
    if max(differences.values()) > LARGEST_DIFFERENCE:
        raise SystemExit(f"the networks disagree: {differences}")

    contestants: dict[str, Callable[[], float]] = {"numpy": ours}
    contestants |= {f"torch, {n} threads": lambda n=n: theirs(n) for n in {cores, 1}}
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for number in range(rounds + 1):
        for name, step in list(contestants.items())[:: 1 if number % 2 else -1]:
            seconds = timed(lambda step=step: [step() for _ in range(STEPS)])
            if number:  # the first round warms up
                rates[name].append(STEPS * batch / seconds)
    mine = rates["numpy"]
    library = [
        max(speeds) for speeds in zip(*(rates[name] for name in rates if name != "numpy"), strict=True)
    ]
    ratios = [a / b for a, b in zip(mine, library, strict=True)]
    return {
        "numpy / torch, median of rounds": round(statistics.median(ratios), 3),
        "numpy / torch, best rounds": round(max(mine) / max(library), 3),
        "quartiles of the rounds' ratios": [round(q, 3) for q in statistics.quantiles(ratios, n=4)[::2]],
        "images/s, median": {name: round(statistics.median(values)) for name, values in rates.items()},
        "images/s, best": {name: round(max(values)) for name, values in rates.items()},
        "largest relative difference of loss and gradients": float(f"{max(differences.values()):.1e}"),
        "rounds": rounds,
        "steps a round": STEPS,
    }


def data(lecture: dict[str, Any], batch: int) -> tuple[Any, Any]:
    """Return the first training images, (1, 28, 28, N) float32 standardised, and their labels."""
    np, train = lecture["np"], lecture["load"]("fashion_mnist", "train")
    scaled = (train.images[:batch] - train.images.mean()) / train.images.std()
    return np.ascontiguousarray(scaled.transpose(1, 2, 3, 0), dtype=np.float32), train.labels[:batch]


def timed(action: Callable[[], object]) -> float:
    begun = time.perf_counter()
    action()
    return time.perf_counter() - begun


def machine() -> dict[str, Any]:
    cpu = platform.processor() or platform.machine()
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text().split("\n")
        cpu = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "versions": {package: version(package) for package in ("numpy", "torch")},
    }


if __name__ == "__main__":
    main()
