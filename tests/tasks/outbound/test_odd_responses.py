"""Odd responses: a status counts once its line is read, and what can be read of the rest is read."""

import asyncio
import random
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pytest

from tasks.outbound import transport
from tasks.outbound.client import GuardedClient
from tasks.outbound.connection import MAX_HEAD_BYTES, HttpConnection
from tasks.outbound.failure import MESSAGES
from tasks.outbound.protocol import FetchedFile, OutboundError, OutboundRequest, OutboundResponse
from tasks.refusal import Refusal
from tests.support.receiver_behaviours import Exchange, HangUp, behaviour
from tests.support.receivers import Receiver
from tests.tasks.outbound.conftest import failure, post

LENGTH = b"Content-Length: 2\r\n"
WHOLE = LENGTH + b"\r\nok"


def ok(headers: bytes, *, status: bytes = b"200 OK") -> bytes:
    """A response with more headers, and a body of two bytes."""
    return b"HTTP/1.1 " + status + b"\r\n" + headers + WHOLE


KEPT = {
    "a policy of 9 KB": ok(b"Content-Security-Policy: " + b"x" * 9_000 + b"\r\n"),
    "a header of 64 KB": ok(b"X-Large: " + b"x" * 64_000 + b"\r\n"),
    "30 cookies": ok(b"".join(b"Set-Cookie: c%d=%s; Path=/\r\n" % (n, b"v" * 300) for n in range(30))),
    "130 headers": ok(b"".join(b"X-%d: v\r\n" % n for n in range(130))),
    "1000 headers": ok(b"".join(b"X-%d: %s\r\n" % (n, b"v" * 50) for n in range(1_000))),
    "the same Content-Length twice": ok(LENGTH),
    "Content-Length as a list": b"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok",
    "Content-Length and chunks": (
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    ),
    "chunks with extensions and a trailer": (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n0002;a=b\r\nok\r\n000\r\nX-Sum: 1\r\n\r\n"
    ),
    "a reason in Latin-1": ok(b"", status=b"200 Tr\xe8s bien"),
    "a reason in UTF-8": ok(b"", status="200 Très bien ✓".encode()),
    "a long reason": ok(b"", status=b"200 " + b"x" * 10_000),
    "no reason": ok(b"", status=b"200"),
    "values in Latin-1 and UTF-8": ok(b"X-One: na\xefve\r\n" + "X-Two: naïve ✓\r\n".encode()),
    "an empty value": ok(b"X-Empty:\r\n"),
    "a folded header": ok(b"X-Folded: a\r\n  b\r\n"),
    "line feeds alone": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "empty lines before": b"\r\n\r\n" + ok(b""),
    "early hints first": b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + ok(b""),
}
"""Read whole, and their connection is used again."""
CLOSED = {
    "surplus after Content-Length": ok(b"") + b"ay",
    "a line without a colon": ok(b"Garbage\r\n"),
    "an empty name": ok(b": x\r\n"),
    "a space in a name": ok(b"X Large: x\r\n"),
    "brackets in a name": ok(b"X(Large): x\r\n"),
    "a name in UTF-8": ok("X-Größe: x\r\n".encode()),
    "a space before the colon": ok(b"X-Spaced : x\r\n"),
    "a null in a value": ok(b"X-Null: a\0b\r\n"),
    "a broken line after early hints": b"HTTP/1.1 103 Early Hints\r\n\r\n" + ok(b"Garbage\r\n"),
}
"""Read whole, but their connection is closed: what follows on it could be read in two ways."""
WITHOUT_BODY = {
    "204 with a body": b"HTTP/1.1 204 No Content\r\n\r\nhello",
    "204 with a body and its length": b"HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello",
    "204 in chunks": b"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
}
STATUS_ALONE = {
    "a head of 100 KB": ok(b"X-Large: " + b"x" * 100_000 + b"\r\n"),
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
    "a length in words": b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok",
    "an unknown coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: zip\r\n\r\nok",
    "chunks that are none": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nno\r\n",
    "an end within the head": b"HTTP/1.1 200 OK\r\nConte",
    "an end after the status line": b"HTTP/1.1 200 OK\r\n",
}
"""Where the body ends cannot be known: of a POST the status counts, and a file is not whole."""
NO_STATUS = {
    "HTTP/2": b"HTTP/2 200 OK\r\n" + WHOLE,
    "HTTP/2.0": b"HTTP/2.0 200 OK\r\n" + WHOLE,
    "ICY": b"ICY 200 OK\r\n" + WHOLE,
    "HTTP/0.9": b"hello world\n",
    "a status of four digits": ok(b"", status=b"1000 X"),
    "a status of letters": ok(b"", status=b"2OO OK"),
    "a status below 100": ok(b"", status=b"099 X"),
    "a status line without end": b"HTTP/1.1 200 " + b"x" * (MAX_HEAD_BYTES + 20_000),
}


@behaviour
async def as_given(exchange: Exchange) -> None:
    """`content`, whatever it is; the connection stays open."""
    await exchange.say(exchange.receiver.content)


@behaviour
async def as_given_closing(exchange: Exchange) -> None:
    """`content`, whatever it is, and the end."""
    await exchange.say(exchange.receiver.content)
    raise HangUp


@behaviour
async def piecemeal(exchange: Exchange) -> None:
    """`content` a byte at a time."""
    for byte in exchange.receiver.content:
        await exchange.say(bytes([byte]))
        await asyncio.sleep(0)


@pytest.fixture(scope="module", params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Both event loops: the worker runs uvloop."""
    return "asyncio", {"use_uvloop": request.param}


@pytest.mark.parametrize("what", [*KEPT, *CLOSED])
async def test_an_odd_response_is_read_whole(client: GuardedClient, tmp_path: Path, what: str) -> None:
    kept = what in KEPT
    async with Receiver("as-given", content=KEPT[what] if kept else CLOSED[what]) as receiver:
        for _ in range(3):
            answer = await post(client, receiver.url)
            assert (answer.status, answer.excerpt) == (200, b"ok")
        assert receiver.connections == (1 if kept else 3)
        fetched = await client.fetch(receiver.url, tmp_path / "source", max_bytes=100)
    assert fetched.bytes == 2


@pytest.mark.parametrize(
    "what", ["empty lines before", "early hints first", "line feeds alone", "a broken line after early hints"]
)
async def test_an_odd_response_is_read_whole_byte_by_byte(client: GuardedClient, what: str) -> None:
    async with Receiver("piecemeal", content={**KEPT, **CLOSED}[what]) as receiver:
        for _ in range(2):
            answer = await post(client, receiver.url)
            assert (answer.status, answer.excerpt) == (200, b"ok")


@pytest.mark.parametrize("what", WITHOUT_BODY)
async def test_no_content_is_a_success_whatever_follows(client: GuardedClient, what: str) -> None:
    async with Receiver("as-given", content=WITHOUT_BODY[what]) as receiver:
        for _ in range(2):
            answer = await post(client, receiver.url)
            assert (answer.status, answer.excerpt) == (204, b"")
        assert receiver.connections == 2


@pytest.mark.parametrize("what", STATUS_ALONE)
async def test_a_status_counts_whatever_follows_but_a_file_has_to_be_whole(
    client: GuardedClient, tmp_path: Path, what: str
) -> None:
    async with Receiver("as-given-closing", content=STATUS_ALONE[what]) as receiver:
        assert (await post(client, receiver.url)).status == 200
        with pytest.raises(OutboundError) as caught:
            await client.fetch(receiver.url, tmp_path / "source", max_bytes=100)
    assert caught.value.status == 200
    assert caught.value.code in ("malformed_answer", "connection_lost")
    assert not (tmp_path / "source").exists()


@pytest.mark.parametrize("what", NO_STATUS)
async def test_without_a_status_line_it_is_no_answer(client: GuardedClient, what: str) -> None:
    async with Receiver("as-given-closing", content=NO_STATUS[what]) as receiver:
        error = await failure(client, receiver.url)
    assert (error.code, error.status) == ("malformed_answer", None)


@pytest.mark.parametrize("status", [302, 404, 410, 429, 500, 599, 600])
@pytest.mark.parametrize("rest", [b"", b"Garbage\r\n" + WHOLE, b"Content-Length: 9\r\n\r\nok"])
async def test_any_status_counts_with_the_headers_that_can_be_read(
    client: GuardedClient, tmp_path: Path, status: int, rest: bytes
) -> None:
    content = b"HTTP/1.1 %d X\r\nRetry-After: 7\r\nWebhook-Delivery : disable\r\n" % status + rest
    async with Receiver("as-given-closing", content=content) as receiver:
        answer = await post(client, receiver.url)
        with pytest.raises(OutboundError) as caught:
            await client.fetch(receiver.url, tmp_path / "source", max_bytes=100)
    assert answer.status == status
    assert (answer.headers["retry-after"], answer.headers["webhook-delivery"]) == ("7", "disable")
    assert (caught.value.code, caught.value.status) == ("redirected" if status == 302 else "bad_status", status)


async def test_an_exception_of_a_library_is_a_failure_with_a_code(
    client: GuardedClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that nobody has foreseen: it may neither escape, nor count as no failure of the receiver."""

    async def broken(*_: object) -> None:
        raise UnicodeDecodeError("utf-8", b"\xe8", 0, 1, "invalid continuation byte")

    for name in ("send", "next_piece"):
        with monkeypatch.context() as patch:
            patch.setattr(HttpConnection, name, broken)
            async with Receiver() as receiver:
                if name == "send":
                    error = await failure(client, receiver.url)
                    assert (error.code, error.status) == ("outbound_failed", None)
                with pytest.raises(OutboundError) as caught:
                    await client.fetch(receiver.url, tmp_path / "source", max_bytes=100)
                assert caught.value.code == "outbound_failed"
                assert isinstance(caught.value.__cause__, transport.UnexpectedError)


@pytest.mark.parametrize("header", [{"x-text": "\u20ac"}, {"x-text": "a\r\nb: c"}, {"x text": "a"}])
async def test_a_request_that_cannot_be_written_is_a_failure_with_a_code(
    client: GuardedClient, header: dict[str, str]
) -> None:
    """The API refuses such headers. One that was stored in another way must not leave a delivery without an outcome."""
    async with Receiver() as receiver:
        with pytest.raises(OutboundError) as caught:
            await client.post(OutboundRequest(receiver.url, b"{}", header))
        assert caught.value.code == "outbound_failed"
        assert receiver.requests == []


BASES = (
    b'HTTP/1.1 200 OK\r\nServer: x\r\nContent-Length: 12\r\nConnection: keep-alive\r\n\r\n{"ok": true}',
    b"HTTP/1.1 204 No Content\r\nX-Request-Id: abc\r\nSet-Cookie: a=b; Path=/\r\n\r\n",
    b"HTTP/1.1 503 Unavailable\r\nRetry-After: 120\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsorry\r\n0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nWebhook-Delivery: disable\r\n\r\nhello",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
)
PIECES = (
    *(b"\r\n", b"\n", b"\r", b"\0", b"\xff", b"\xe8", b"\xc3\xa9", b"\xed\xa0\x80", b":", b" ", b"\t", b";", b","),
    *(
        b"-1",
        b"9" * 25,
        b"chunked",
        b"HTTP/1.1 200 OK\r\n",
        b"Content-Length: 5\r\n",
        b"Transfer-Encoding: chunked\r\n",
    ),
    *(b"Content-Type: \xff\xfe\r\n", b"Retry-After: \xb2\r\n", b"Connection: \xe9\r\n", b"Location: \xff\r\n"),
)


def _damaged(seed: int) -> bytes:
    """A good response after one to four small changes."""
    chance = random.Random(seed)  # noqa: S311 - no secret
    content = bytearray(chance.choice(BASES))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(content) + 1)
        match chance.randrange(4):
            case 0:
                content[at:at] = chance.choice(PIECES)
            case 1:
                del content[at : at + chance.randint(1, 8)]
            case 2:
                content[at : at + 1] = bytes([chance.randrange(256)])
            case _:
                line_end = content.find(b"\r\n", at) + 2
                content[line_end:line_end] = chance.choice(PIECES)
    return bytes(content)


async def _outcome(request: Coroutine[Any, Any, OutboundResponse | FetchedFile]) -> int | str:
    """The status of a response, the bytes of a file, or the code of a failure."""
    try:
        answer = await request
    except (OutboundError, Refusal) as error:
        return error.code
    return answer.status if isinstance(answer, OutboundResponse) else answer.bytes


async def test_no_damage_lets_an_exception_escape(client: GuardedClient, tmp_path: Path) -> None:
    expected = {*MESSAGES, "bad_status", "redirected", "too_large"} - {"outbound_failed"}
    answered = 0
    for seed in range(300):
        content = _damaged(seed)
        async with Receiver("as-given-closing", content=content) as receiver:
            outcome = await _outcome(post(client, receiver.url))
            if isinstance(outcome, int):
                answered += 1
                assert b" %d" % outcome in content
            else:
                assert outcome in {"malformed_answer", "connection_lost"}, content
                assert not content.startswith((b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 503 Unavailable\r\n")), content
            outcome = await _outcome(client.fetch(receiver.url, tmp_path / "source", max_bytes=100))
            assert isinstance(outcome, int) or outcome in expected, content
    assert answered > 150
