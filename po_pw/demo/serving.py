"""Web applications of the demo as running servers, in the running loop or on a thread of their own."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import errno
import threading
from typing import TYPE_CHECKING, Final, TypeVar

from aiohttp import web

from po_pw import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

T = TypeVar("T")

HOST: Final = "127.0.0.1"
_STARTS_WITHIN: Final = 60.0
_ENDS_WITHIN: Final = 10.0


async def listen(
    stack: contextlib.AsyncExitStack, application: web.Application, port: int = 0, host_name: str = HOST
) -> str:
    """Serves an application on 127.0.0.1 until the stack is closed; gives its origin.

    Args:
        stack: ends the server.
        application: what is served.
        port: 0 takes a free one.
        host_name: what the origin calls this machine.

    Raises:
        MachineError: the port cannot be had.
    """
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    stack.push_async_callback(runner.cleanup)
    try:
        await web.TCPSite(runner, HOST, port).start()
    except OSError as error:
        why = {
            errno.EADDRINUSE: "another program uses it",
            errno.EACCES: "ports below 1024 are for administrators",
        }.get(error.errno or 0, error.strerror or str(error))
        msg = f"the demo portal cannot have port {port}: {why}. Give another one with --port, or leave --port out."
        raise errors.MachineError(msg) from error
    return f"http://{host_name}:{runner.addresses[0][1]}"


@contextlib.contextmanager
def in_thread(served: Callable[[], contextlib.AbstractAsyncContextManager[T]], name: str) -> Iterator[T]:
    """Keeps a server open while the block lasts, on a thread and loop of its own.

    Args:
        served: opens the server.
        name: of the thread.

    Raises:
        MachineError: the port cannot be had.
        TimeoutError: it did not start, or did not end, in time.
    """
    started: concurrent.futures.Future[tuple[T, asyncio.AbstractEventLoop, asyncio.Event]]
    started = concurrent.futures.Future()

    async def run() -> None:
        stop = asyncio.Event()
        async with served() as server:
            started.set_result((server, asyncio.get_running_loop(), stop))
            await stop.wait()

    def work() -> None:
        try:
            asyncio.run(run())
        except (errors.MachineError, OSError, ValueError) as error:
            if started.done():
                raise
            started.set_exception(error)

    thread = threading.Thread(target=work, name=name, daemon=True)
    thread.start()
    server, loop, stop = started.result(timeout=_STARTS_WITHIN)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(_ENDS_WITHIN)
        if thread.is_alive():
            msg = f"{name} did not end within {_ENDS_WITHIN:.0f} s"
            raise TimeoutError(msg)
