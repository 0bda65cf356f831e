"""The template that kernels are forked from, run inside the sandbox's outer wall.

It imports the libraries once. For each request it forks a kernel and walls it off from everything else that
the template can see: namespaces, a private /tmp, no capabilities, resource limits. No code of a learner runs
in the template itself. This file is started by its path, on its own, so it imports the standard library
alone.

Usage: inside.py SETTINGS, a JSON text with ``preload`` (module names) and ``keep`` (folders below /tmp).
"""

from __future__ import annotations

import array
import contextlib
import ctypes
import importlib
import json
import os
import resource
import shutil
import signal
import socket
import stat
import struct
import sys
import time
import types
from pathlib import Path
from typing import Any

KERNELS = Path("/run/kernels")  # all kernels' folders: only the template sees them
KERNEL = Path("/run/kernel")  # a kernel's own one
WORK = Path("/tmp/work")
SOCKETS = 5  # that a kernel binds
KERNEL_MODULES = ("ipykernel.kernelapp", "ipykernel.ipkernel", "matplotlib_inline.backend_inline")

NEW_MOUNTS, NEW_CGROUP, NEW_UTS, NEW_IPC = 0x20000, 0x2000000, 0x4000000, 0x8000000
NEW_USER, NEW_PIDS, NEW_NET = 0x10000000, 0x20000000, 0x40000000
READ_ONLY, NO_SUID, NO_DEV, NO_EXEC, REMOUNT = 1, 2, 4, 8, 32
BIND, RECURSIVE, PRIVATE, NO_ATIME, RELATIME = 4096, 16384, 1 << 18, 1024, 1 << 21
DUMPABLE, DROP_BOUND, NO_NEW_PRIVILEGES, AMBIENT, CLEAR_ALL = 4, 24, 38, 47, 4
CAPABILITIES = 0x20080522  # version 3 of the kernel's interface

libc = ctypes.CDLL(None, use_errno=True)


def main(settings: dict[str, Any]) -> None:
    """Import what kernels need, then serve requests until the outer wall falls."""
    for name in (*KERNEL_MODULES, *settings["preload"]):
        importlib.import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    server = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    server.bind(str(KERNELS / "template"))
    server.listen()
    while True:
        connection, _ = server.accept()
        request = json.loads(connection.recv(1 << 16))
        if os.fork() == 0:
            server.close()
            answer_with_error(connection, leave_namespaces, request, settings["keep"], connection)
        connection.close()


def answer_with_error(connection: socket.socket, step: Any, *arguments: Any) -> None:
    """Do one step of a new process's way and end it; send what goes wrong to the one who asked."""
    try:
        step(*arguments)
        os._exit(0)
    except BaseException as error:
        with contextlib.suppress(OSError):
            connection.send(f"{type(error).__name__}: {error}".encode()[:4000])
        os._exit(1)


def leave_namespaces(request: dict[str, Any], keep: list[str], connection: socket.socket) -> None:
    """Enter namespaces of its own; the next process is the first one in them."""
    user, group = os.getuid(), os.getgid()
    new = NEW_USER | NEW_MOUNTS | NEW_PIDS | NEW_IPC | NEW_NET | NEW_UTS | NEW_CGROUP
    check(libc.unshare(new), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
    Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if os.fork() == 0:
        answer_with_error(connection, supervise, request, keep, connection)


def supervise(request: dict[str, Any], keep: list[str], connection: socket.socket) -> None:
    """Be the first process of the namespaces: build the walls, start the kernel, wait for its end.

    When this process ends, however it does, the operating system ends all others in its namespace.
    """
    walls(request, keep)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in range(3):
        os.dup2(null, descriptor)
    kernel = os.fork()
    if kernel == 0:
        run_kernel(request)
        os._exit(1)
    deadline = time.monotonic() + 60
    while sum(stat.S_ISSOCK(path.lstat().st_mode) for path in KERNEL.iterdir()) < SOCKETS:
        if os.waitpid(kernel, os.WNOHANG)[0] or time.monotonic() > deadline:
            raise RuntimeError("the kernel did not start")
        time.sleep(0.003)
    mount_read_only(KERNEL)  # so that a kernel cannot fill the disk outside
    drop_privileges()
    libc.prctl(DUMPABLE, 0, 0, 0, 0)  # nobody inside may look into this process or change it
    pidfd = array.array("i", [os.pidfd_open(os.getpid())])
    connection.sendmsg([b"ok"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, pidfd)])
    connection.close()
    while os.wait()[0] != kernel:
        pass


def walls(request: dict[str, Any], keep: list[str]) -> None:
    """Mount what the kernel may see and cover what it may not."""
    mount("none", "/", "", RECURSIVE | PRIVATE)
    mount(str(KERNELS / request["kernel"]), str(KERNEL), "", BIND)
    kept = {path: os.open(path, os.O_PATH) for path in keep}
    flags, disk = NO_SUID | NO_DEV, f"size={request['disk']},mode=0700"
    mount("tmpfs", "/tmp", "tmpfs", flags, disk)
    for path, descriptor in kept.items():
        Path(path).mkdir(parents=True, exist_ok=True)
        mount(f"/proc/self/fd/{descriptor}", path, "", BIND | RECURSIVE)
        os.close(descriptor)
    mount("tmpfs", "/dev/shm", "tmpfs", flags, disk)
    mount("devpts", "/dev/pts", "devpts", NO_SUID | NO_EXEC, "newinstance,ptmxmode=0666,mode=0620")
    for package, why in request["hidden"].items():
        mount("tmpfs", package, "tmpfs", flags, "size=64k")
        Path(package, "__init__.py").write_text(why)
        mount_read_only(Path(package))
    mount("tmpfs", str(KERNELS), "tmpfs", flags | READ_ONLY, "size=4k")
    mount("proc", "/proc", "proc", flags | NO_EXEC)
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
    name = b"sandbox"
    check(libc.sethostname(name, len(name)), "sethostname")
    Path("/tmp/home").mkdir()
    shutil.copytree(KERNEL / "files", WORK)
    os.chdir(WORK)


def run_kernel(request: dict[str, Any]) -> None:
    """Give up all privileges, apply the limits and become a Jupyter kernel."""
    drop_privileges()
    for name, limit in request["limits"].items():
        if name == "RLIMIT_AS":
            limit += mapped()
        resource.setrlimit(getattr(resource, name), (limit, limit))
    os.setsid()
    os.closerange(3, 1 << 12)
    for package in request["forget"]:
        forget(package)
    reseed()
    sys.modules["__main__"] = types.ModuleType("__main__")
    del sys.path[0]
    sys.argv = ["kernel"]
    from ipykernel.kernelapp import IPKernelApp

    quiet = ["--IPKernelApp.log_level=50", "--HistoryManager.enabled=False", "--ignore-cwd"]
    app: Any = IPKernelApp.instance()
    app.initialize(["-f", str(KERNEL / "kernel.json"), *quiet])
    # Not before: files that are named as modules are not to run while the kernel starts.
    sys.path.insert(0, "")
    app.start()


def mapped() -> int:
    """Return how many bytes of addresses this process has: libraries for GPUs alone may take gigabytes."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def forget(package: str) -> None:
    """Make an imported package importable anew: what is found then is what covers it."""
    parent, _, name = package.rpartition(".")
    for loaded in [key for key in sys.modules if key == package or key.startswith(f"{package}.")]:
        del sys.modules[loaded]
    if parent in sys.modules:
        vars(sys.modules[parent]).pop(name, None)


def reseed() -> None:
    """Let generators differ from those of other kernels."""
    import random

    random.seed()
    for name, method in (("numpy.random", "seed"), ("torch", "seed")):
        if name in sys.modules:
            getattr(sys.modules[name], method)()


def drop_privileges() -> None:
    """Lose every capability in a way that no program that is started later can undo."""
    for capability in range(64):
        libc.prctl(DROP_BOUND, capability, 0, 0, 0)
    libc.prctl(AMBIENT, CLEAR_ALL, 0, 0, 0)
    check(libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0), "no_new_privs")
    check(libc.capset(struct.pack("Ii", CAPABILITIES, 0), bytes(24)), "capset")


def mount(source: str, target: str, kind: str, flags: int, data: str = "") -> None:
    """Mount something, or change how it is mounted; raise OSError where the system refuses."""
    status = libc.mount(
        source.encode(), target.encode(), kind.encode() or None, ctypes.c_ulong(flags), data.encode() or None
    )
    check(status, f"mount {kind or source} on {target}")


def mount_read_only(path: Path) -> None:
    """Make a mount read-only and keep the flags that it has."""
    has = os.statvfs(path).f_flag
    names = {os.ST_NOSUID: NO_SUID, os.ST_NODEV: NO_DEV, os.ST_NOEXEC: NO_EXEC}
    names |= {os.ST_NOATIME: NO_ATIME, os.ST_RELATIME: RELATIME}
    flags = sum(flag for bit, flag in names.items() if has & bit)
    mount("none", str(path), "", REMOUNT | BIND | READ_ONLY | flags)


def check(status: int, what: str) -> None:
    """Raise OSError when a call into the C library failed."""
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
