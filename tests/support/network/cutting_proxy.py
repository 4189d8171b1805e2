"""A proxy on loopback that cuts the connection in the middle of an upload in parts (tus), once for each upload.

Browsers send a request again by themselves when a connection that they had used before is cut. So that the page sees
the cut, nothing more of the upload is passed on until its client asks, by HEAD, where to go on. The answer to the first
creation of all is lost, too.
"""

import contextlib
import socket
import threading
from dataclasses import dataclass
from io import BufferedReader
from types import TracebackType
from typing import Self

PIECE_BYTES = 65_536


@dataclass
class Patch:
    """A PATCH as it came on the wire.

    Attributes:
        path: Of the upload.
        offset: Its Upload-Offset.
        sent: Bytes of its body that were passed on.
        cut: Whether the connection was cut then, in the middle of it.
    """

    path: str
    offset: int
    sent: int = 0
    cut: bool = False


class CuttingProxy:
    """Listens on a free port of 127.0.0.1 until its block ends.

    Args:
        to_port: Where to pass requests on.
        after: Of each upload, bytes that are passed on before the cut.

    Attributes:
        port: Its own.
        patches: What was sent so far, in order.
        lost: Answers to creations that were not passed on.
    """

    def __init__(self, to_port: int, *, after: int) -> None:
        self.patches: list[Patch] = []
        self.lost = 0
        self._to_port = to_port
        self._after = after
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._losing: socket.socket | None = None  # what comes next from here is lost
        self._away: set[str] = set()  # paths of uploads that were cut, and not asked for yet
        self._threads = [threading.Thread(target=self._accept)]

    @property
    def uploads(self) -> list[list[Patch]]:
        """What was sent of each upload."""
        paths = dict.fromkeys(patch.path for patch in self.patches)
        return [[patch for patch in self.patches if patch.path == path] for path in paths]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _shut(self._listener)  # wakes up the thread that accepts
        self._threads[0].join()
        self._listener.close()
        for one in list(self._open):
            _shut(one)
        for thread in self._threads[1:]:
            thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.add(client)
                thread = threading.Thread(target=self._serve, args=(client,))
                self._threads.append(thread)
                thread.start()

    def _serve(self, client: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            client,
            client.makefile("rb") as requests,
            socket.create_connection(("127.0.0.1", self._to_port)) as server,
        ):
            self._open.add(server)
            back = threading.Thread(target=self._pass_back, args=(server, client))
            back.start()
            try:
                while self._pass_request(requests, server):
                    pass
            finally:
                _shut(client)
                _shut(server)
                back.join()
                self._open -= {client, server}

    def _pass_request(self, requests: BufferedReader, server: socket.socket) -> bool:
        """Pass one request on. Whether another may follow."""
        head = _head(requests)
        if not head.endswith(b"\r\n\r\n"):
            return False
        first, *lines = head.decode("latin-1").splitlines()
        method, path, _ = first.split(" ")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if method == "HEAD":
            self._away.discard(path)
        if path in self._away:
            return False
        if method == "POST" and path.endswith("/resumable") and self._losing is None:
            self._losing = server
        server.sendall(head)
        patch = Patch(path, int(fields["upload-offset"])) if method == "PATCH" else None
        if patch is not None:
            self.patches.append(patch)
        return self._pass_body(requests, server, int(fields.get("content-length", "0")), patch)

    def _pass_body(self, requests: BufferedReader, server: socket.socket, left: int, patch: Patch | None) -> bool:
        while left:
            data = requests.read1(min(left, PIECE_BYTES))
            if not data:
                return False
            server.sendall(data)
            left -= len(data)
            if patch is not None:
                patch.sent += len(data)
                if self._must_cut(patch):
                    patch.cut = True
                    self._away.add(patch.path)
                    return False
        return True

    def _pass_back(self, server: socket.socket, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(PIECE_BYTES):
                if server is self._losing and not self.lost:
                    self.lost += 1
                    break
                client.sendall(data)
        _shut(client)

    def _must_cut(self, patch: Patch) -> bool:
        was_cut = any(one.cut for one in self.patches if one.path == patch.path)
        return not was_cut and patch.offset + patch.sent >= self._after


def went_on_where_they_were_cut(uploads: list[list[Patch]]) -> bool:
    """Whether each was cut once, and no PATCH after that began before the one that was cut, nor all behind its end.
    A client that is back before the server has noticed the cut sends that PATCH again; not all of them are."""
    kept = 0
    for patches in uploads:
        [place] = [place for place, patch in enumerate(patches) if patch.cut]
        cut, following = patches[place], patches[place + 1]
        if not cut.offset <= following.offset <= cut.offset + cut.sent:
            return False
        kept = max(kept, following.offset - cut.offset)
    return kept > 0


def _head(requests: BufferedReader) -> bytes:
    """The first line and the fields of a request, or what came of them."""
    lines = []
    while line := requests.readline():
        lines.append(line)
        if line == b"\r\n":
            break
    return b"".join(lines)


def _shut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other end was first
        one.shutdown(socket.SHUT_RDWR)
