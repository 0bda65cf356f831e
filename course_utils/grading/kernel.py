"""One learner's kernel, as a judge uses it: run a cell, ask the probe, and never trust what comes back.

Running cells is nbclient's. What is added here is distrust: every byte that the kernel sends is counted as it
arrives, its memory is watched from outside, and whatever it does wrong ends it, and only it.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from queue import Empty
from typing import Any, cast

import psutil
from jupyter_client.asynchronous import AsyncKernelClient
from jupyter_client.channels import AsyncZMQSocketChannel
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from traitlets import Instance, Type
from zmq.constants import Event, SocketOption

from course_utils.check.probe import PATIENCE
from course_utils.check.remote import expression
from course_utils.check.transport import Answer, ForgedError, Request, read_answer, write_request
from course_utils.grading.sandbox import Sandbox
from course_utils.grading.sandbox.limits import MIB, Limits

WATCH = 0.25  # seconds between two looks at a kernel
QUEUE = 64  # messages that wait on a channel before the kernel has to
FLOOD = "it printed or displayed far too much"


class KernelLostError(Exception):
    """The kernel is of no more use; the message says why, to the learner."""


class KernelDiedError(KernelLostError):
    """The kernel ended by itself, or because the machine had no more memory for it."""


class Kernel:
    """A running kernel with ``files`` in its folder; leaving the context ends it."""

    def __init__(
        self, sandbox: Sandbox, notebook: Any, files: Mapping[str, bytes], hidden: Iterable[str]
    ) -> None:
        self.limits = sandbox.limits
        self.taken = _memory()
        self.loop = asyncio.new_event_loop()
        specs = OneSpec(spec=sandbox.kernel_spec(files, hidden))
        self.manager = Manager(kernel_spec_manager=specs, limits=sandbox.limits)
        self.client = NotebookClient(
            notebook,
            km=self.manager,
            startup_timeout=60,
            allow_errors=True,
            shutdown_kernel="immediate",
            store_widget_state=False,
            skip_cells_with_tag="",
            error_on_timeout={"ename": "CellTimeoutError", "evalue": "", "traceback": []},
            interrupt_on_timeout=True,
            raise_on_iopub_timeout=True,
        )
        self.client.owns_km = True

    def __enter__(self) -> Kernel:
        try:
            self.loop.run_until_complete(self._start())
        except BaseException:
            self.loop.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Kill the kernel and all its processes, and remove what it left."""
        if not self.loop.is_closed():
            if self.client.km is not None:
                self.loop.run_until_complete(self.client._async_cleanup_kernel())
            self.loop.close()

    @property
    def folder(self) -> Path:
        """The folder with the kernel's sockets and files."""
        return Path(self.manager.provisioner.folder)

    def users(self) -> set[int]:
        """Return the users, as this machine numbers them, whose the kernel's processes are."""
        return {user for process in self.manager.provisioner.processes() for user in process.uids()}

    def run_cell(self, number: int, seconds: float) -> None:
        """Run a code cell and leave its outputs in it; raise KernelLostError if it ended the kernel."""
        cell = self.client.nb.cells[number]
        self.client.timeout = max(1, round(min(seconds, self.limits.cell_seconds)))
        self._guarded(self._run_cell(cell, number))

    def ask(self, request: Request, seconds: float) -> Answer:
        """Have the probe run a task's cases; raise KernelLostError when no answer comes in time.

        Cases that may take longer than others, such as training, get that on top of a task's usual limit.
        """
        more = sum(case.seconds for case in request.cases) * request.patience / PATIENCE
        answer: Answer = self._guarded(self._ask(request, min(seconds, self.limits.task_seconds + more)))
        return answer

    async def _start(self) -> None:
        try:
            await self.client.async_start_new_kernel()
            await self.client.async_start_new_kernel_client()
        except RuntimeError as error:
            raise KernelLostError(f"the kernel did not start: {error}") from None

    def _guarded(self, step: Any) -> Any:
        """Do one step while watching the kernel; whatever goes wrong in it is the end of the kernel."""

        async def guarded() -> Any:
            watch = asyncio.ensure_future(self._watch())
            try:
                return await step
            except Exception as error:
                if isinstance(error, DeadKernelError) and not self.kernel_client.lost:
                    raise KernelDiedError(_reason(error)) from None
                raise KernelLostError(self.kernel_client.lost or _reason(error)) from None
            finally:
                watch.cancel()

        return self.loop.run_until_complete(guarded())

    @property
    def kernel_client(self) -> Client:
        """The client, once the kernel has started."""
        client: Any = self.client.kc
        return cast(Client, client)

    async def _watch(self) -> None:
        """Kill the kernel when it uses too much memory, or was given up while it was read."""
        client, provisioner = self.kernel_client, self.manager.provisioner
        cut_off = False
        while True:
            await asyncio.sleep(WATCH)
            if _memory() - self.taken > self.limits.judge or (cut_off and await self.manager.is_alive()):
                client.lost = FLOOD
            if await asyncio.to_thread(provisioner.memory) > self.limits.memory:
                client.lost = "it used too much memory"
            if client.lost:
                await provisioner.kill()
                return
            cut_off = await client.is_cut_off()

    async def _run_cell(self, cell: Any, number: int) -> None:
        before = self.kernel_client.received
        try:
            await self.client.async_execute_cell(cell, number, store_history=True)
        except CellTimeoutError:  # no end of its output was in sight
            if self.kernel_client.received - before > self.limits.output:
                raise KernelLostError(FLOOD) from None
            reason = f"it ran for more than {self.client.timeout} s and could not be stopped"
            raise KernelLostError(reason) from None

    async def _ask(self, request: Request, seconds: float) -> Answer:
        client = self.kernel_client
        client.asked += 1
        question = client.execute(
            "",
            store_history=False,
            allow_stdin=False,
            user_expressions={"answer": expression(write_request(request))},
        )
        drain = asyncio.ensure_future(_drain(client.iopub_channel))
        deadline = time.monotonic() + seconds
        try:
            while True:
                if not await self.manager.is_alive():
                    raise DeadKernelError("Kernel died")
                if time.monotonic() > deadline:
                    raise KernelLostError(f"no answer after {seconds:.0f} s: is there an endless loop?")
                with contextlib.suppress(Empty):
                    message = await client.shell_channel.get_msg(timeout=WATCH)
                    if message["parent_header"].get("msg_id") == question:
                        return read_answer(_text(message), request)
        finally:
            drain.cancel()


def _text(message: Any) -> str:
    """Return the text of the answer in a reply."""
    try:
        answer = message["content"]["user_expressions"]["answer"]
        if answer["status"] == "ok":
            return str(answer["data"]["text/plain"])
        problem = f"{answer['ename']}: {answer['evalue']}"
    except (KeyError, TypeError):
        problem = "no answer"
    raise ForgedError(problem[:200])


def _reason(error: Exception) -> str:
    if isinstance(error, KernelLostError):
        return str(error)
    if isinstance(error, DeadKernelError):
        return "the kernel died: os._exit, a crash in compiled code, or no memory left"
    if isinstance(error, ForgedError):
        return f"the probe's answer cannot be read: {error}"
    return f"the kernel sent what no kernel sends ({type(error).__name__})"


async def _drain(channel: AsyncZMQSocketChannel) -> None:
    """Read what the kernel publishes, so that it is counted and forgotten."""
    while True:
        await channel.get_msg(timeout=None)


class OneSpec(KernelSpecManager):  # type: ignore[misc]
    """Knows one kernel specification, whatever name it is asked for."""

    spec = Instance(KernelSpec)

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the one."""
        return self.spec


class CountedChannel(AsyncZMQSocketChannel):  # type: ignore[misc]
    """A channel that counts what comes through, and gives the kernel up for too much or for nonsense."""

    client: Client

    async def _recv(self, **kwargs: Any) -> dict[str, Any]:
        client = self.client
        try:
            parts = await self.socket.recv_multipart(**kwargs)
            client.received += sum(map(len, parts))
            client.values += sum(part.count(mark) for part in parts for mark in (b",", b"{", b"["))
            most = client.limits.messages + client.limits.answer * client.asked
            if client.received > most or client.values > client.limits.values:
                raise KernelLostError(FLOOD)
            _, frames = self.session.feed_identities(parts)
            message: dict[str, Any] = self.session.deserialize(frames)
        except Exception as error:
            client.lost = client.lost or _reason(error)
            await client.parent.provisioner.kill()
            raise
        return message


class Client(AsyncKernelClient):  # type: ignore[misc]
    """Holds a kernel to its limits: counts what it sends, and takes no message beyond a size.

    ``lost`` says why the kernel was given up; ``asked`` counts the questions to the probe.
    """

    received = 0
    values = 0
    asked = 0
    lost = ""
    limits = Instance(Limits)
    shell_channel_class = Type(CountedChannel)
    iopub_channel_class = Type(CountedChannel)

    def start_channels(self, **_: Any) -> None:
        """Open the channels that are read; whether the kernel lives, its provisioner knows."""
        super().start_channels(stdin=False, hb=False, control=False)
        channels = (self.shell_channel, self.iopub_channel)
        for channel in channels:
            channel.client = self
        self.monitors = [channel.socket.get_monitor_socket(Event.DISCONNECTED) for channel in channels]

    def stop_channels(self) -> None:
        """Close the channels and what watches them."""
        for channel in (self.shell_channel, self.iopub_channel):
            if channel.socket is not None:
                channel.socket.disable_monitor()
        super().stop_channels()

    async def is_cut_off(self) -> bool:
        """Tell whether a connection broke: the kernel has ended, or it sent a message beyond all measure."""
        return any([await monitor.poll(0) for monitor in self.monitors])

    def _create_connected_socket(self, channel: str, identity: bytes | None = None) -> Any:
        _bound(self.context, 2 * max(self.limits.messages, self.limits.answer))
        return super()._create_connected_socket(channel, identity)


class Manager(AsyncKernelManager):  # type: ignore[misc]
    """Makes clients that hold the kernel to ``limits``."""

    client_class = "course_utils.grading.kernel.Client"
    client_factory = Type(Client)
    limits = Instance(Limits)

    def client(self, **kwargs: Any) -> Client:
        """Return a client of the kernel."""
        client: Client = super().client(limits=self.limits, **kwargs)
        return client

    def _create_connected_socket(self, channel: str, identity: bytes | None = None) -> Any:
        _bound(self.context, MIB)  # it interrupts through this channel, and hears nothing but "done"
        return super()._create_connected_socket(channel, identity)


def _bound(context: Any, largest: int) -> None:
    """Let sockets that are made from now on take few messages that wait, and none that is larger."""
    context.setsockopt(SocketOption.MAXMSGSIZE, largest)
    context.setsockopt(SocketOption.RCVHWM, QUEUE)


def _memory() -> int:
    """Return how many bytes this process has in memory."""
    return int(psutil.Process().memory_info().rss)
