"""The sandbox's outer wall: bubblewrap, around a template process that kernels are forked from.

What the wall lets through is the system's programs and libraries, read-only, this environment, and the part
of the course that learners have. There is no network. The template imports the libraries once, so that a
kernel starts in a fraction of a second; every kernel then gets walls of its own (see ``inside``).
"""

from __future__ import annotations

import array
import contextlib
import importlib.util
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

from course_utils.errors import CourseError
from course_utils.grading.sandbox.calls import filter_program
from course_utils.grading.sandbox.limits import Limits
from course_utils.grading.sandbox.provisioner import ENVIRONMENT, write_files
from course_utils.repository import PACKAGE

ALWAYS = ("numpy", "course_utils.check.remote")
ALLOW = "where user namespaces are forbidden, docs/grading.md says how to allow them"
PATIENCE = 120  # seconds for a template's imports
FIRST_UID = 500_000  # of the users that root becomes inside; nobody has them


class Template:
    """A running template; ``fork`` gives a kernel. Leaving the context ends it and all its kernels."""

    def __init__(self, scratch: Path, preload: Iterable[str] = ()) -> None:
        self.preload = tuple(dict.fromkeys([*ALWAYS, *preload]))
        self.folder = Path(tempfile.mkdtemp(prefix="t", dir=scratch))
        self.user = FIRST_UID + os.getpid() % 100_000 if os.getuid() == 0 else os.getuid()
        self.process: subprocess.Popen[bytes] | None = None
        self._forked = 0

    def __enter__(self) -> Template:
        self._own(self.folder)
        errors = self.folder / "errors"
        reading, writing = os.pipe()
        os.write(writing, filter_program())
        os.close(writing)
        with errors.open("wb") as stream:
            self.process = subprocess.Popen(
                self.command(reading),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stream,
                pass_fds=(reading,),
            )
        os.close(reading)
        deadline = time.monotonic() + PATIENCE
        while not (self.folder / "template").exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                reason = errors.read_text(errors="replace").strip().split("\n")[-1] or "it did not start"
                self.__exit__()
                advice = f"; {ALLOW}" if "namespace" in reason else ""
                raise CourseError(f"the sandbox does not start: {reason}{advice}")
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self, calls: int) -> list[str]:
        """Return the command line of the outer wall with the template in it.

        ``calls`` is a descriptor from which the filter of system calls can be read.
        """
        keep = [path for path in _visible() if path.startswith("/tmp/")]
        settings = json.dumps({"preload": self.preload, "keep": keep})
        inside = [sys.executable, "-B", "-s", "/run/inside.py", settings]
        refused = ["--seccomp", str(calls)] if filter_program() else []
        return [*outer_wall(self.folder), *refused, "--", *drop_root(self.user), *inside]

    def prepare(self, files: Mapping[str, bytes]) -> Path:
        """Make a folder for a kernel's sockets and for the files that it finds in its working folder."""
        self._forked += 1
        folder = self.folder / f"k{self._forked}"
        write_files(folder / "files", files)
        self._own(folder)
        return folder

    def fork(self, folder: Path, limits: Limits, hidden: Mapping[str, str]) -> int:
        """Start a kernel whose connection file lies in ``folder``; return a pidfd of its first process.

        ``hidden`` maps packages to the text of the module that stands in for them.
        """
        request = {
            "kernel": folder.name,
            "disk": limits.disk,
            "limits": limits.resources(),
            "hidden": {place: text for name, text in hidden.items() if (place := _package_folder(name))},
            "forget": list(hidden),
        }
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
                connection.settimeout(PATIENCE)
                connection.connect(str(self.folder / "template"))
                connection.send(json.dumps(request).encode())
                answer, descriptors, *_ = connection.recvmsg(4096, socket.CMSG_SPACE(4))
        except OSError as error:
            raise CourseError(f"the sandbox ended: {error.strerror}") from None
        if answer != b"ok":
            raise CourseError(f"the sandbox gives no kernel: {answer.decode(errors='replace') or 'it ended'}")
        pidfd = array.array("i")
        pidfd.frombytes(descriptors[0][2][:4])
        return pidfd[0]

    def _own(self, folder: Path) -> None:
        """Give a folder to the user inside, where that is another one."""
        if os.getuid() == 0:
            try:
                for path in (folder, *folder.rglob("*")):
                    os.chown(path, self.user, self.user)
            except OSError:
                raise CourseError(
                    "the sandbox does not start: you are root here, but of no other users (a container?); "
                    "grade as an ordinary user"
                ) from None


def outer_wall(folder: Path) -> list[str]:
    """Return bubblewrap's arguments up to the program to run; ``folder`` becomes ``/run/kernels``.

    As root no user namespace is made here: the environment may lie where only root can read it, and the limit
    on processes does not hold for root. The template becomes another user instead.
    """
    user = [] if os.getuid() == 0 else ["--unshare-user"]
    namespaces = ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"]
    path = f"{Path(sys.prefix) / 'bin'}:/usr/bin:/bin"
    variables = {**ENVIRONMENT, "HOME": "/tmp/home", "PATH": path}
    mounts: list[str] = []
    for name in ("bin", "sbin", "lib", "lib64"):
        place = Path("/", name)
        if place.is_symlink():
            mounts += ["--symlink", str(place.readlink()), str(place)]
        elif place.is_dir():
            mounts += ["--ro-bind", str(place), str(place)]
    mounts += ["--dir", "/etc"]
    for etc in ("ld.so.cache", "fonts", "alternatives", "localtime"):
        mounts += ["--ro-bind-try", f"/etc/{etc}", f"/etc/{etc}"]
    # The template mounts a fresh /proc for each kernel: the system allows it where the whole of one is seen.
    mounts += ["--dev", "/dev", "--remount-ro", "/dev", "--bind", "/proc", "/proc"]
    mounts += ["--perms", "1777", "--tmpfs", "/tmp", "--perms", "1777", "--dir", "/tmp/home"]
    mounts += ["--dir", "/run/kernel", "--bind", str(folder), "/run/kernels"]
    mounts += ["--ro-bind", str(Path(__file__).with_name("inside.py")), "/run/inside.py"]
    for visible in _visible():
        for parent in reversed(Path(visible).parents[:-1]):
            mounts += ["--dir", str(parent)]  # bubblewrap's own would be closed to all but root
        mounts += ["--ro-bind", visible, visible]
    mounts += ["--tmpfs", str(PACKAGE / "grading"), "--remount-ro", str(PACKAGE / "grading")]
    return [
        *("bwrap", *user, *namespaces, "--die-with-parent", "--new-session", "--clearenv"),
        *(word for name, value in variables.items() for word in ("--setenv", name, value)),
        *("--ro-bind", "/usr", "/usr", *mounts),
        *("--remount-ro", "/", "--chdir", "/"),
    ]


def drop_root(user: int) -> list[str]:
    """Return the command that goes on as another user without any privilege; nothing when not root."""
    if os.getuid() != 0:
        return []
    who = [f"--reuid={user}", f"--regid={user}", "--clear-groups"]
    return ["setpriv", *who, "--bounding-set=-all", "--inh-caps=-all", "--no-new-privs"]


def _visible() -> list[str]:
    """Return the folders of Python, this environment and the course, but for what lies in /usr."""
    places = dict.fromkeys([sys.base_prefix, sys.prefix, str(PACKAGE)])
    return [place for place in places if not place.startswith("/usr/")]


def _package_folder(name: str) -> str | None:
    """Return where an installed package lies, or None."""
    with contextlib.suppress(ImportError):
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.submodule_search_locations:
            return str(Path(next(iter(spec.submodule_search_locations))).resolve())
    return None


def require() -> None:
    """Raise CourseError, with what to do, where this machine lacks the programs of the sandbox."""
    if sys.platform != "linux":
        raise CourseError("the sandbox is bubblewrap, which needs Linux: grade on a Linux machine, or in WSL")
    for program, package in (("bwrap", "bubblewrap"), ("setpriv", "util-linux")):
        if (program != "setpriv" or os.getuid() == 0) and not shutil.which(program):
            raise CourseError(f"there is no {program}: install it, on Debian with apt-get install {package}")
