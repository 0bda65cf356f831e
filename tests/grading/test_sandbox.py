"""The walls around a kernel hold, and the attempts to break through them would find a hole."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from places import ROOT

from course_utils.check.task import Case
from course_utils.check.transport import Request
from course_utils.errors import CourseError
from course_utils.grading.kernel import Kernel, KernelLostError
from course_utils.grading.sandbox import Sandbox, choose
from course_utils.grading.sandbox.hiding import finder, stand_ins
from course_utils.grading.sandbox.limits import MIB, Limits
from course_utils.grading.sandbox.provisioner import container
from course_utils.grading.sandbox.scratch import Scratch
from course_utils.grading.walls import examine, require_installed

SMALL = Limits(cell_seconds=20, task_seconds=5, memory=2048 * MIB, processes=40, messages=4 * MIB)


@pytest.fixture(scope="module")
def sandbox(needs):
    needs("bwrap")
    with Scratch() as scratch, choose("bubblewrap", scratch, SMALL) as opened:
        yield opened


def run(sandbox: Sandbox, *sources: str, files: dict | None = None, hidden: tuple[str, ...] = ()) -> str:
    """Run cells in a kernel of their own and return what they print, and the errors that they end in."""
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    with Kernel(sandbox, notebook, files or {}, hidden) as kernel:
        for number in range(len(sources)):
            kernel.run_cell(number, 20)
    outputs = [output for cell in notebook.cells for output in cell.outputs]
    return "".join(output.get("text") or output.get("evalue", "") for output in outputs)


def test_every_wall_holds(needs) -> None:
    needs("bwrap")
    walls = list(examine("bubblewrap"))
    assert len(walls) >= 19
    assert [wall for wall in walls if wall.gap] == []


def test_without_a_sandbox_the_attempts_find_the_holes() -> None:
    gaps = {wall.name for wall in examine("none") if wall.gap}
    assert gaps >= {
        "network", "files", "namespaces", "processes", "number of processes", "memory", "size of a file",
        "disk", "open files", "processor time", "system calls", "other sockets",
    }  # fmt: skip


def test_nothing_of_the_instructor_s_can_be_found_from_inside(sandbox) -> None:
    """Search every file that a kernel can read for texts that only solutions and graders hold."""
    reference = "windows = windows[:, :, ::stride, ::stride]"
    mistake = "forgets_the_bias"
    judge = "def fresh_cases"
    assert reference in (ROOT / "solutions/ex02_convolution/ex02_convolution.py").read_text()
    assert mistake in (ROOT / "solutions/ex02_convolution/tasks.py").read_text()
    assert judge in (ROOT / "course_utils/grading/judge.py").read_text()
    search = f"""
import os
texts = [{reference!r}, {mistake!r}, {judge!r}]
for folder, folders, names in os.walk("/"):
    if folder in ("/proc", "/usr", "/dev") or "/lib/python" in folder:
        folders.clear()
        continue
    for name in names:
        try:
            content = open(os.path.join(folder, name), errors="replace").read(10_000_000)
        except OSError:
            continue
        for text in texts:
            if text in content:
                print("FOUND", folder, name, text)
        if name.startswith(("gradebook", "tasks.py", "secret")):
            print("FOUND", folder, name)
import course_utils, sys
print(sorted(name for name in sys.modules if "grading" in name or "nbgrader" in name))
try:
    import course_utils.grading.judge
except ImportError as error:
    print("no", error.name)
"""
    assert run(sandbox, search).split() == ["[]", "no", "course_utils.grading.judge"]


def test_a_kernel_finds_its_files_and_may_write_in_its_folder(sandbox) -> None:
    source = "print(open('data.csv').read())\nopen('own.txt', 'w').write('x')\n"
    source += "import os; print(sorted(os.listdir()))"
    assert run(sandbox, source, files={"data.csv": b"1,2", "sub/x.bin": b"\0"}) == (
        "1,2\n['data.csv', 'own.txt', 'sub']\n"
    )


def test_kernels_of_one_template_know_nothing_of_each_other(sandbox) -> None:
    leave = "mine = [open(place, 'w') for place in ('/tmp/mine', '/dev/shm/mine')]\nprint('left')"
    look = (
        "import os, glob\n"
        "print(os.path.exists('/tmp/mine'), os.listdir('/dev/shm'), glob.glob('/run/kernels/*'), "
        "len(glob.glob('/proc/[0-9]*')), os.listdir('/dev/pts'), 'mine' in globals())"
    )
    notebook = new_notebook(cells=[new_code_cell(leave), new_code_cell(look)])
    with Kernel(sandbox, notebook, {}, ()) as first, Kernel(sandbox, notebook, {}, ()) as second:
        first.run_cell(0, 20)
        assert notebook.cells[0].outputs[0].text == "left\n"
        second.run_cell(1, 20)
        assert notebook.cells[1].outputs[0].text == "False [] [] 2 ['ptmx'] False\n"
        assert first.folder != second.folder


def test_random_numbers_differ_between_kernels(sandbox) -> None:
    source = "import random, numpy as np; print(random.random(), np.random.rand())"
    assert run(sandbox, source) != run(sandbox, source)


@pytest.mark.parametrize("name", ["bubblewrap", "none"])
def test_a_hidden_package_says_that_it_is_not_there_and_harms_nothing_else(name, needs) -> None:
    needs("bwrap")
    source = "import torch, scipy.signal, scipy.linalg\nprint(scipy.linalg.norm([3, 4]))"
    with Scratch() as scratch, choose(name, scratch, SMALL, ["scipy.signal", "scipy.linalg"]) as opened:
        hidden = ("torch", "scipy.signal")
        for use in ("torch.zeros(3)", "scipy.signal.convolve", "from torch.nn import Conv2d"):
            said = run(opened, source, use, hidden=hidden)
            assert said.startswith("5.0\n")
            assert "is not here when this exercise is graded" in said or "No module named 'torch.nn'" in said
        plot = "import torch\nimport matplotlib.pyplot as plt\nplt.plot([1, 2])\nprint('drawn')"
        assert "drawn" in run(opened, plot, hidden=hidden)
        assert run(opened, "import scipy.signal; print(scipy.signal.convolve([1], [2])[0])") == "2\n"


def test_a_kernel_that_ends_leaves_neither_process_nor_folder_nor_socket(sandbox) -> None:
    notebook = new_notebook(cells=[new_code_cell("import os; os._exit(0)")])
    with Kernel(sandbox, notebook, {}, ()) as kernel:
        folder = kernel.folder
        processes = kernel.manager.provisioner.processes()
        assert processes
        with pytest.raises(KernelLostError, match="the kernel died"):
            kernel.run_cell(0, 20)
    assert not folder.exists()
    assert not [process for process in processes if process.is_running() and process.status() != "zombie"]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("print('x' * 10_000_000)", "printed or displayed far too much"),
        ("print('x' * 300_000_000)", "printed or displayed far too much"),
        ("while True: print('x' * 10_000)", "printed or displayed far too much"),
        ("hoard = [bytearray(b'x' * 90_000_000) for _ in range(5)]\nimport os, time\n"
         "[os.fork() for _ in range(4)]\nhoard.append([bytearray(b'y' * 200_000_000) for _ in range(2)])\n"
         "time.sleep(20)", "used too much memory"),
    ],
)  # fmt: skip
def test_a_kernel_that_takes_too_much_is_ended_while_it_runs(sandbox, source, reason) -> None:
    with pytest.raises(KernelLostError, match=reason):
        run(sandbox, source)


def test_a_cell_that_cannot_be_stopped_is_given_up(sandbox) -> None:
    source = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"
    notebook = new_notebook(cells=[new_code_cell(source)])
    reason = "ran for more than 1 s and could not be stopped"
    with Kernel(sandbox, notebook, {}, ()) as kernel, pytest.raises(KernelLostError, match=reason):
        kernel.run_cell(0, 1)


def test_a_task_that_does_not_answer_is_given_up(sandbox) -> None:
    request = Request("f", "function", ("result",), (Case("g", {"x": np.ones(1)}),), 60, 60, 1000)
    notebook = new_notebook(cells=[new_code_cell("def f(x):\n    while True: pass")])
    with Kernel(sandbox, notebook, {}, ()) as kernel:
        kernel.run_cell(0, 20)
        with pytest.raises(KernelLostError, match="no answer after 1 s"):
            kernel.ask(request, 1)


def test_a_task_gets_the_time_that_its_cases_ask_for_on_top_of_the_usual(sandbox) -> None:
    cases = (Case("g", {"x": np.ones(1)}, seconds=4),)
    request = Request("f", "function", ("result",), cases, 10, 60, 1000)
    notebook = new_notebook(cells=[new_code_cell("import time\ndef f(x):\n    time.sleep(6)\n    return x")])
    with Kernel(sandbox, notebook, {}, ()) as kernel:
        kernel.run_cell(0, 20)
        assert not kernel.ask(request, 60).outcomes[0].errors


def test_the_container_is_as_narrow_as_the_sandbox() -> None:
    command = container("podman", "convnet-course", Path("/tmp/course-kernels-x/k1"), Limits())
    text = " ".join(command)
    for part in (
        "podman run --rm --name course-k1",
        "--network none",
        "--read-only",
        "--cap-drop ALL",
        "--security-opt no-new-privileges",
        "--pids-limit 128",
        "--memory 4294967296 --memory-swap 4294967296",
        "--ulimit fsize=67108864",
        "--ulimit nofile=512",
        "--ulimit cpu=300",
        "--tmpfs /tmp:rw,nosuid,nodev,size=268435456",
        "--shm-size 268435456",
        "--volume /tmp/course-kernels-x/k1:/run/kernel:rw",
        "--userns keep-id",
        "--env PYTHONPATH=/run/kernel/hidden",
    ):
        assert part in text, part
    assert command[command.index("convnet-course") + 1 :][:2] == ["sh", "-c"]
    assert command[-1].startswith("ulimit -v 4194304; ")
    assert text.count("--volume") == 1
    assert "--userns" not in container("docker", "convnet-course", Path("/tmp/k"), Limits())
    assert not re.search(r"--(privileged|device|pid|publish)\b", text)


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (None, r"there is no podman: install it, or grade with --sandbox bubblewrap"),
        ("exit 1", r"podman does not answer: start its service"),
        ("[ $1 = info ]", r"podman has no image convnet-course: build it as docs/grading.md says"),
    ],
)
def test_what_containers_lack_is_said_with_what_to_do(tmp_path, monkeypatch, script, problem) -> None:
    if script:
        (tmp_path / "podman").write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / "podman").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin" if script else str(tmp_path))
    with pytest.raises(CourseError, match=problem + ".* To grade without a sandbox, if you trust all"):
        require_installed("podman")


@pytest.mark.parametrize(
    ("user", "problem"),
    [
        ("0", "you are root here, but of no other users (a container?); grade as an ordinary user"),
        ("1000", "where user namespaces are forbidden, docs/grading.md says how to allow them"),
    ],
)
def test_a_machine_that_allows_no_walls_is_told_apart(needs, user, problem) -> None:
    """Ask in a user namespace that allows no further ones, as many containers are."""
    code = "from course_utils.grading.walls import *\ntry: require('bubblewrap')\n"
    code += "except CourseError as error: print(error)"
    command = [needs("bwrap"), "--dev-bind", "/", "/", "--unshare-user", "--disable-userns"]
    command += ["--uid", user, "--gid", user, sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert problem in done.stdout
    assert "To grade without a sandbox, if you trust all: --sandbox none" in done.stdout


def test_the_finder_stands_in_for_hidden_packages(tmp_path) -> None:
    (tmp_path / "sitecustomize.py").write_text(finder(stand_ins(["torch", "scipy.signal"])))
    code = "import torch, scipy.signal, json\n"
    code += "try: torch.nn\nexcept AttributeError as error: print(json.dumps(str(error)))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "torch is not here when this exercise is graded" in json.loads(done.stdout)


def test_what_a_killed_grader_left_is_swept_up() -> None:
    with Scratch() as scratch:
        left = scratch.parent / "course-kernels-left-behind"
        left.mkdir()
        (left / "k1").touch()
        with Scratch() as other:
            assert other.is_dir()
            assert not left.exists()
            assert scratch.is_dir()
    assert not scratch.exists()


def test_many_who_begin_at_once_do_not_sweep_each_other_up() -> None:
    def come_and_go(_: int) -> bool:
        with Scratch() as scratch:
            (scratch / "k1").mkdir()
            return (scratch / "k1").is_dir()

    with ThreadPoolExecutor(16) as threads:
        assert all(threads.map(come_and_go, range(1000)))
