"""How the web process stops: it drains while routers turn away, then ends what waits, then the server shuts down."""

import asyncio
import multiprocessing
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any

import structlog

from tasks.queue.watch.watch import Watch

log = structlog.get_logger()

Handler = Callable[[int, FrameType | None], Any]


class Shutdown:
    """Stands between the signals and the server's handler of them.

    At SIGTERM the process goes on accepting for `drain_s`, while `/readyz` answers 503 and every answer closes its
    connection: a router learns in that time to send no more. SIGINT, as from a terminal, is not delayed.

    Args:
        drain_s: Seconds to drain.
        watch: Its listeners are let go at the end: the server waits for the last connection, and those requests would
            keep theirs open.
    """

    def __init__(self, drain_s: float, watch: Watch) -> None:
        self.draining = False
        self._drain_s = drain_s
        self._watch = watch

    def install(self) -> None:
        """Put this before the server's handlers. Without effect outside of the main thread, where there are none."""
        if threading.current_thread() is not threading.main_thread():
            return
        loop = asyncio.get_running_loop()

        def before(handler: Handler) -> Handler:
            def handle(number: int, frame: FrameType | None) -> None:
                loop.call_soon_threadsafe(self._stop, number, lambda: handler(number, frame))

            return handle

        for number in (signal.SIGTERM, signal.SIGINT):
            handler = signal.getsignal(number)
            if callable(handler):
                signal.signal(number, before(handler))
        self._end_with_supervisor(loop)

    def _end_with_supervisor(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop also when the supervisor of several processes has been killed: nobody else would stop this one."""
        supervisor = multiprocessing.parent_process()
        if supervisor is None:
            return

        def stop() -> None:
            loop.remove_reader(supervisor.sentinel)
            signal.raise_signal(signal.SIGTERM)

        loop.add_reader(supervisor.sentinel, stop)

    def _stop(self, number: int, stop_server: Callable[[], Any]) -> None:
        if number == signal.SIGINT or not self._drain_s:
            self._end(stop_server)
        elif not self.draining:  # platforms send several SIGTERMs
            self.draining = True
            log.info("api.draining", drain_s=self._drain_s)
            asyncio.get_running_loop().call_later(self._drain_s, self._end, stop_server)

    def _end(self, stop_server: Callable[[], Any]) -> None:
        self._watch.close()
        stop_server()
