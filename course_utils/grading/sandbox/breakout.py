"""Tries to get out of the sandbox, from inside: sent to a kernel as a cell, with ``KNOWN`` defined above it.

Every attempt returns what it got hold of, or nothing where the wall held. The last line prints all as JSON.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import resource
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

KNOWN: dict[str, Any] = globals()["KNOWN"]


def network() -> str:
    for family, address in (
        (socket.AF_INET, ("127.0.0.1", KNOWN["port"])),
        (socket.AF_INET, ("1.1.1.1", 53)),
    ):
        with socket.socket(family) as attempt:
            attempt.settimeout(1)
            try:
                attempt.connect(address)
                return f"connected to {address[0]}"
            except OSError:
                continue
    names = {line.split(":")[0].strip() for line in Path("/proc/net/dev").read_text().split("\n")[2:-1]}
    return f"interfaces {names}" if names - {"lo"} else ""


def files() -> str:
    seen = [path for path in KNOWN["files"] if Path(path).exists()]
    return f"sees {', '.join(seen)}" if seen else ""


def read_only_system() -> str:
    for folder in ("/", "/usr", "/dev", "/etc", "/run", sys.prefix, KNOWN["package"], *KNOWN["closed"]):
        path = Path(folder, "written-from-inside")
        try:
            path.write_text("")
            path.unlink()
            return f"wrote in {folder}"
        except OSError:
            continue
    return ""


def environment() -> str:
    texts = ["\n".join(os.environ)]
    for place in Path("/proc").glob("[0-9]*/environ"):
        try:
            texts.append(place.read_text(errors="replace"))
        except OSError:
            continue
    return "read the caller's variables" if any(KNOWN["variable"] in text for text in texts) else ""


def namespaces() -> str:
    shared = [
        name for name, link in KNOWN["namespaces"].items() if os.readlink(f"/proc/self/ns/{name}") == link
    ]
    return f"shares {', '.join(shared)}" if shared else ""


def processes() -> str:
    others = [place.name for place in Path("/proc").glob("[0-9]*")]
    return f"sees {len(others)} processes" if len(others) > 4 else ""


def privileges() -> str:
    lines = dict(
        line.split(":\t") for line in Path("/proc/self/status").read_text().split("\n") if ":\t" in line
    )
    names = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
    held = [name for name in names if int(lines[name], 16)]
    if lines["NoNewPrivs"] != "1":
        held.append("may get new ones")
    return ", ".join(held)


def new_namespaces() -> str:
    import ctypes

    return "made a user namespace" if ctypes.CDLL(None).unshare(0x10000000) == 0 else ""


def system_calls() -> str:
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    open_ones = []
    for name, number in KNOWN["calls"].items():
        nothing = [ctypes.c_long(-1)] * 5  # arguments with which none of them does anything
        if library.syscall(number, *nothing) != -1 or ctypes.get_errno() != errno.EPERM:
            open_ones.append(name)
    return f"may call {', '.join(open_ones)}" if open_ones else ""


def other_sockets() -> str:
    made = []
    for name in ("AF_VSOCK", "AF_PACKET", "AF_ALG", "AF_BLUETOOTH", "AF_CAN"):
        try:
            socket.socket(getattr(socket, name, 0), socket.SOCK_STREAM).close()
            made.append(name)
        except OSError:
            continue
    return f"made {', '.join(made)}" if made else ""


def first_process() -> str:
    for name in ("mem", "fd/0", "fd/1", "fd/2", "environ"):
        try:
            where = os.readlink(f"/proc/1/{name}") if name.startswith("fd") else name
            with Path(f"/proc/1/{name}").open("rb"):
                if where != os.devnull:
                    return f"opened {name} of the first process"
        except OSError:
            continue
    return ""


def number_of_processes() -> str:
    children = []
    try:
        for _ in range(KNOWN["limits"]["RLIMIT_NPROC"] + 10):
            child = os.fork()
            if child == 0:
                os.read(pipe_read, 1)
                os._exit(0)
            children.append(child)
    except OSError:
        return ""
    finally:
        os.write(pipe_write, b"x" * len(children))
        for child in children:
            os.waitpid(child, 0)
    return f"started {len(children)} processes"


def memory() -> str:
    size = KNOWN["limits"]["RLIMIT_AS"] + 1
    try:
        mmap.mmap(-1, size).close()
    except OSError:
        return ""
    return f"got {size} bytes"


def size_of_a_file() -> str:
    try:
        Path("large").write_bytes(bytes(KNOWN["limits"]["RLIMIT_FSIZE"] + 1))
    except OSError:
        return ""
    finally:
        Path("large").unlink(missing_ok=True)
    return "wrote a larger file"


def disk() -> str:
    for folder in ("/tmp", "/dev/shm"):
        written = []
        try:
            for number in range(KNOWN["disk"] // KNOWN["limits"]["RLIMIT_FSIZE"] + 2):
                written.append(Path(folder, f"part-{number}"))
                written[-1].write_bytes(bytes(KNOWN["limits"]["RLIMIT_FSIZE"]))
            return f"filled {folder} with more"
        except OSError:
            continue
        finally:
            for path in written:
                path.unlink(missing_ok=True)
    return ""


def open_files() -> str:
    opened = []
    try:
        for _ in range(KNOWN["limits"]["RLIMIT_NOFILE"]):
            opened.append(os.open(os.devnull, os.O_RDONLY))
    except OSError:
        return ""
    finally:
        for descriptor in opened:
            os.close(descriptor)
    return f"opened {len(opened)} files more"


def processor_time() -> str:
    soft, hard = resource.getrlimit(resource.RLIMIT_CPU)
    return "" if soft == hard == KNOWN["limits"]["RLIMIT_CPU"] else f"has {hard} seconds"


def inherited_files() -> str:
    places = [os.readlink(link) for link in Path("/proc/self/fd").iterdir() if link.exists()]
    strange = [place for place in places if place.startswith("/") and not place.startswith(("/dev", "/proc"))]
    return f"holds {', '.join(strange)}" if strange else ""


pipe_read, pipe_write = os.pipe()
ATTEMPTS: tuple[Callable[[], str], ...] = (
    network,
    files,
    read_only_system,
    environment,
    namespaces,
    processes,
    privileges,
    new_namespaces,
    system_calls,
    other_sockets,
    first_process,
    number_of_processes,
    memory,
    size_of_a_file,
    disk,
    open_files,
    processor_time,
    inherited_files,
)
print(json.dumps({attempt.__name__.replace("_", " "): attempt() for attempt in ATTEMPTS}))
