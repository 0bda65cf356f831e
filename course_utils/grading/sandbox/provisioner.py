"""Kernel provisioners for jupyter_client: a kernel forked behind bubblewrap's wall, or run in a container."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil
from jupyter_client.provisioning import KernelProvisionerBase, LocalProvisioner
from traitlets import Any as AnyTrait
from traitlets import Dict

from course_utils.grading.sandbox.hiding import finder
from course_utils.grading.sandbox.limits import Limits

QUIET = ("--IPKernelApp.log_level=50", "--HistoryManager.enabled=False")
ENVIRONMENT = {
    "USER": "learner",
    "LOGNAME": "learner",
    "LANG": "C.UTF-8",
    "MPLBACKEND": "module://matplotlib_inline.backend_inline",
    "PYTHONDONTWRITEBYTECODE": "1",
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
}
"""What a kernel's environment is made of, beside PATH and HOME."""


class ForkProvisioner(KernelProvisionerBase):  # type: ignore[misc]
    """Has a template fork a kernel, and holds it by a descriptor that stands for no other process."""

    template = AnyTrait()
    limits = AnyTrait(Limits())
    files = Dict()
    hidden = Dict()
    pidfd: int | None = None
    folder: Path | None = None

    @property
    def has_process(self) -> bool:
        """Tell whether there is a kernel."""
        return self.pidfd is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Make the kernel's folder and let both sides talk through sockets in it."""
        kwargs.pop("transport_encryption", None)
        self.folder = self.template.prepare(self.files)
        connect_through(self.parent, self.folder, "/run/kernel")
        return {**await super().pre_launch(**kwargs), "cmd": []}

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> Any:
        """Start the kernel; its sockets are there when this returns."""
        self.pidfd = await asyncio.to_thread(self.template.fork, self.folder, self.limits, self.hidden)
        self.connection_info = self.parent.get_connection_info()
        return self.connection_info

    async def poll(self) -> int | None:
        """Return None while the kernel lives, else 0."""
        return None if self.pidfd is not None and not self._ended() else 0

    async def wait(self) -> int | None:
        """Wait for the kernel's end, that of all its processes."""
        while self.pidfd is not None:
            if self._ended():
                os.close(self.pidfd)
                self.pidfd = None
            else:
                await asyncio.sleep(0.005)
        return 0

    async def send_signal(self, signum: int) -> None:
        """Send a signal to the first process of the kernel's namespace; it takes SIGKILL alone."""
        if self.pidfd is not None:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, signum)

    async def kill(self, restart: bool = False) -> None:
        """Kill the kernel and every process that it started."""
        await self.send_signal(signal.SIGKILL)

    async def terminate(self, restart: bool = False) -> None:
        """End the kernel: there is nothing in it that deserves a farewell."""
        await self.kill()

    async def cleanup(self, restart: bool = False) -> None:
        """Remove the kernel's folder."""
        if self.folder is not None and not restart:
            shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self) -> list[psutil.Process]:
        """Return the kernel's processes."""
        if self.pidfd is None:
            return []
        with contextlib.suppress(OSError, psutil.Error):
            lines = Path(f"/proc/self/fdinfo/{self.pidfd}").read_text().split("\n")
            first = psutil.Process(int(next(line.split()[1] for line in lines if line.startswith("Pid:"))))
            return [first, *first.children(recursive=True)]
        return []

    def memory(self) -> int:
        """Return how many bytes the kernel's processes use, with their part of what others use too."""
        return sum(map(_used, self.processes()))

    def _ended(self) -> bool:
        return self.pidfd is None or bool(select.select([self.pidfd], [], [], 0)[0])


class PlainProvisioner(LocalProvisioner):  # type: ignore[misc]
    """Runs a kernel as a plain process in a folder of its own. It is no sandbox."""

    scratch = AnyTrait()
    limits = AnyTrait(Limits())
    files = Dict()
    hidden = Dict()
    folder: Path | None = None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Write the files, and let both sides talk through sockets beside them."""
        self.folder = Path(tempfile.mkdtemp(prefix="k", dir=self.scratch))
        write_files(self.folder / "files", self.files)
        write_files(self.folder / "hidden", {"sitecustomize.py": finder(dict(self.hidden)).encode()})
        connect_through(self.parent, self.folder, str(self.folder))
        launch = await super().pre_launch(**kwargs)
        variables = {"PYTHONPATH": str(self.folder / "hidden"), "HOME": str(self.folder)}
        environment = {"PATH": os.environ.get("PATH", os.defpath), **ENVIRONMENT, **variables}
        command = self.command()
        return {**launch, "cmd": command, "env": environment, "cwd": str(self.folder / "files")}

    def command(self) -> list[str]:
        """Return the command that starts the kernel."""
        assert self.folder is not None
        return [sys.executable, "-m", "ipykernel_launcher", "-f", str(self.folder / "kernel.json"), *QUIET]

    async def cleanup(self, restart: bool = False) -> None:
        """Remove the kernel's folder."""
        await super().cleanup(restart)
        if self.folder is not None and not restart:
            shutil.rmtree(self.folder, ignore_errors=True)

    def processes(self) -> list[psutil.Process]:
        """Return the kernel and its children."""
        if self.process is None:
            return []
        with contextlib.suppress(psutil.Error):
            kernel = psutil.Process(self.process.pid)
            return [kernel, *kernel.children(recursive=True)]
        return []

    def memory(self) -> int:
        """Return how many bytes the kernel and its children use."""
        return sum(map(_used, self.processes()))


class ContainerProvisioner(PlainProvisioner):
    """Runs each kernel in a container of its own: slower, and works wherever podman or docker does."""

    engine = AnyTrait()
    image = AnyTrait()

    def command(self) -> list[str]:
        """Return the command that starts the container."""
        assert self.folder is not None
        return container(self.engine, self.image, self.folder, self.limits)

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Tell the kernel its folder's name inside the container."""
        launch = await super().pre_launch(**kwargs)
        assert self.folder is not None
        connection = self.folder / "kernel.json"
        connection.write_text(json.dumps({**json.loads(connection.read_text()), "ip": "/run/kernel/s"}))
        return {**launch, "env": dict(os.environ)}

    async def kill(self, restart: bool = False) -> None:
        """Kill the container: the engine's client is only its messenger."""
        if self.folder is not None:
            name = container_name(self.folder)
            subprocess.run([self.engine, "kill", name], capture_output=True, check=False, timeout=30)
        await super().kill(restart)

    def memory(self) -> int:
        """Return 0: the engine holds the container to its limit."""
        return 0


def container(engine: str, image: str, folder: Path, limits: Limits) -> list[str]:
    """Return the command that runs a kernel in a container of ``image`` with ``engine``, podman or docker.

    The image holds Python and the course as learners install it; ``folder`` holds connection file and files.
    """
    command = [engine, "run", "--rm", "--name", container_name(folder), "--hostname", "sandbox"]
    command += [
        "--network",
        "none",
        "--read-only",
        "--cap-drop",
        "ALL",
        "--security-opt",
        "no-new-privileges",
    ]
    command += ["--ipc", "private", "--pids-limit", str(limits.processes), "--memory", str(limits.memory)]
    command += ["--memory-swap", str(limits.memory), "--ulimit", f"fsize={limits.file_size}"]
    command += ["--ulimit", f"nofile={limits.open_files}", "--ulimit", f"cpu={limits.cpu_seconds}"]
    command += ["--ulimit", "core=0", "--tmpfs", f"/tmp:rw,nosuid,nodev,size={limits.disk}"]
    command += ["--shm-size", str(limits.disk)]
    command += ["--volume", f"{folder}:/run/kernel:rw", "--user", f"{os.getuid()}:{os.getgid()}"]
    if Path(engine).name == "podman":
        command += ["--userns", "keep-id"]  # rootless: the user inside is the one outside
    for name, value in {**ENVIRONMENT, "HOME": "/tmp", "PYTHONPATH": "/run/kernel/hidden"}.items():
        command += ["--env", f"{name}={value}"]
    start = ["python", "-m", "ipykernel_launcher", "-f", "/run/kernel/kernel.json", *QUIET]
    return [
        *command,
        image,
        "sh",
        "-c",
        f"ulimit -v {limits.memory // 1024}; cp -r /run/kernel/files /tmp/work; cd /tmp/work; "
        f"exec {' '.join(start)}",
    ]


def container_name(folder: Path) -> str:
    """Return the name of the container whose kernel lives in ``folder``."""
    return f"course-{folder.name}"


def connect_through(manager: Any, folder: Path, inside: str) -> None:
    """Let a kernel manager talk through sockets in ``folder``, which the kernel sees as ``inside``."""
    manager.kernel_spec.interrupt_mode = "message"  # a signal would only reach the wall around the kernel
    manager.cache_ports = False
    manager.transport = "ipc"
    manager.ip = str(folder / "s")
    manager.connection_file = str(folder / "judge.json")
    manager.write_connection_file()
    about = json.loads((folder / "judge.json").read_text())
    (folder / "judge.json").unlink()
    (folder / "kernel.json").write_text(json.dumps({**about, "ip": f"{inside}/s"}))


def write_files(folder: Path, files: Mapping[str, bytes]) -> None:
    """Make ``folder`` and write files into it by their relative names."""
    folder.mkdir(parents=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def _used(process: psutil.Process) -> int:
    """Return the bytes that a process uses, each page divided by how many use it; 0 when it is gone."""
    try:
        return int(process.memory_full_info().pss)
    except psutil.Error:
        return 0
