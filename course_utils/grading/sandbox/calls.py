"""System calls that the outer wall refuses: ways around the other walls that no exercise needs.

The refusal is a filter for Linux's seccomp, in classic BPF. bubblewrap loads it before anything runs inside.
"""

from __future__ import annotations

import platform
import struct

REFUSED = {  # name: number on x86_64, on aarch64
    "ptrace": (101, 117),  # other processes' memory
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "pidfd_getfd": (438, 438),
    "kcmp": (312, 272),
    "add_key": (248, 217),  # the login session's keys
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),  # memory that counts for nobody
    "memfd_secret": (447, 447),
    "shmget": (29, 194),
    "io_uring_setup": (425, 425),  # large doors into the system
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "userfaultfd": (323, 282),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
}
SOCKET = (41, 198)
FAMILIES = (1, 2, 10, 16)  # of sockets that namespaces keep in: Unix, IPv4, IPv6, netlink
MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column, and Linux's number for it
OTHER_TABLE = 0x40000000  # where x86_64 has its calls a second time
LOAD, EQUAL, AT_LEAST, RETURN = 0x20, 0x15, 0x35, 0x06
NUMBER, MACHINE, FIRST_ARGUMENT = 0, 4, 16  # places in what the filter sees
ALLOW, REFUSE = 0x7FFF0000, 0x00050001  # with EPERM


def numbers(machine: str = platform.machine()) -> dict[str, int]:
    """Return the numbers of the calls that are refused on a kind of processor."""
    column, _ = MACHINES.get(machine, MACHINES["x86_64"])
    return {name: call[column] for name, call in REFUSED.items()}


def filter_program(machine: str = platform.machine()) -> bytes:
    """Return the filter for a kind of processor; no bytes for one that is not known here."""
    if machine not in MACHINES:
        return b""
    column, number = MACHINES[machine]
    refuse = (RETURN, 0, 0, REFUSE)
    program = [(LOAD, 0, 0, MACHINE), (EQUAL, 1, 0, number), refuse]
    program += [(LOAD, 0, 0, NUMBER), (AT_LEAST, 0, 1, OTHER_TABLE), refuse]
    for call in REFUSED.values():
        program += [(EQUAL, 0, 1, call[column]), refuse]
    program += [(EQUAL, 1, 0, SOCKET[column]), (RETURN, 0, 0, ALLOW), (LOAD, 0, 0, FIRST_ARGUMENT)]
    for family in FAMILIES:
        program += [(EQUAL, 0, 1, family), (RETURN, 0, 0, ALLOW)]
    return b"".join(struct.pack("HBBI", *step) for step in [*program, refuse])
