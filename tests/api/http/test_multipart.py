"""A multipart form: what is read of it, and what is refused, however its bytes are cut."""

from collections.abc import AsyncIterator, Sequence

import pytest

from api.http.multipart import MAX_PART_HEADER_BYTES, MAX_PART_HEADERS, Multipart
from tasks.refusal import Refusal

HEAD = b'--bound\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
END = b"\r\n--bound--\r\n"
FORM = HEAD + b"X" + END
Parts = Sequence[tuple[str, str | None, bytes]]


def named(filename: bytes) -> bytes:
    """The form with another name of its file."""
    return FORM.replace(b'filename="a.png"', filename)


def with_header(line: bytes, times: int = 1) -> bytes:
    return FORM.replace(b"--bound\r\n", b"--bound\r\n" + times * (line + b"\r\n"), 1)


ONE = [("file", "a.png", b"X")]
READ: dict[str, tuple[bytes, Parts]] = {
    "a form": (FORM, ONE),
    "no line break after it": (FORM.removesuffix(b"\r\n"), ONE),
    "line breaks before it": (b"\r\n\n\r\n" + FORM, ONE),
    "text before it": (b"This is a message with several parts.\r\n" + FORM, ONE),
    "the boundary in a line before it": (b"a --bound, and\r\n --bound\r\n" + FORM, ONE),
    "no boundary of its own line but the last": (b"-" + FORM, []),
    "something after it": (FORM + b"ignored\r\n", ONE),
    "another form after it": (FORM + FORM, ONE),
    "two parts": (HEAD + b"1\r\n" + HEAD + b"2" + END, [("file", "a.png", b"1"), ("file", "a.png", b"2")]),
    "no parts": (b"--bound--\r\n", []),
    "an empty file": (HEAD + END, [("file", "a.png", b"")]),
    "a field": (named(b"").replace(b"; \r\n", b"\r\n"), [("file", None, b"X")]),
    "an empty name": (FORM.replace(b'"file"', b'""'), [("", "a.png", b"X")]),
    "a lower-case header": (FORM.replace(b"Content-Disposition", b"content-disposition"), ONE),
    "as many headers as there may be": (with_header(b"X-A: b", MAX_PART_HEADERS - 1), ONE),
    "a part of the boundary in the data": (HEAD + b"\r\n--boun\r\n--" + END, [("file", "a.png", b"\r\n--boun\r\n--")]),
    "UTF-8": (named('filename="ä€.png"'.encode()), [("file", "ä€.png", b"X")]),
    "Latin-1": (named(b'filename="\xe4.png"'), [("file", "\ufffd.png", b"X")]),
    "a quote, as browsers write it": (named(b'filename="a%22b.png"'), [("file", 'a"b.png', b"X")]),
    "a quote with a backslash": (named(b'filename="a\\"b.png"'), [("file", 'a"b.png', b"X")]),
    "no quotes": (named(b"filename=a.png"), ONE),
    "a semicolon": (named(b'filename="a;b.png"'), [("file", "a;b.png", b"X")]),
    "a long name": (named(b'filename="%b"' % (b"a" * 4000)), [("file", "a" * 4000, b"X")]),
}
REFUSED = {
    "nothing": b"",
    "no form": b"hello",
    "no boundary in its beginning": b"text\r\n" * 3000 + FORM,
    "another boundary": FORM.replace(b"bound", b"other"),
    "cut before its end": HEAD + b"X",
    "cut in its last boundary": FORM.removesuffix(b"--\r\n"),
    "cut in a head": HEAD.removesuffix(b"\r\n\r\n"),
    "line feeds alone": FORM.replace(b"\r\n", b"\n"),
    "a space after a boundary": FORM.replace(b"bound\r\n", b"bound \r\n"),
    "a header without a colon": FORM.replace(b"Disposition:", b"Disposition"),
    "a header with a space in its name": FORM.replace(b"Content-D", b"Content D"),
    "a folded header": FORM.replace(b"; filename", b";\r\n filename"),
    "a part without a name": FORM.replace(b' name="file";', b""),
    "a part without a disposition": FORM.replace(b"Content-Disposition", b"X-Disposition"),
    "a part without headers": b"--bound\r\n\r\nX" + END,
    "an attachment": FORM.replace(b"form-data", b"attachment"),
    "too many headers": with_header(b"X-A: b", MAX_PART_HEADERS),
    "a header that is too long": with_header(b"X-A: " + b"b" * MAX_PART_HEADER_BYTES),
    "a header without end": b"--bound\r\nX-A: " + b"b" * 100_000,
    "a length of another size": with_header(b"Content-Length: 2"),
}


async def cut(body: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def read(body: bytes, size: int, content_type: str = "multipart/form-data; boundary=bound") -> Parts:
    form = Multipart(cut(body, size), content_type)
    parts: list[tuple[str, str | None, bytes]] = []
    while (part := await form.next_part()) is not None:
        parts.append((part.field, part.filename, b"".join([data async for data in form.data()])))
    return parts


@pytest.mark.parametrize("size", [1, 7, 1_000_000])
@pytest.mark.parametrize("what", READ)
async def test_a_form_is_read(what: str, size: int) -> None:
    body, parts = READ[what]
    assert await read(body, size) == parts


@pytest.mark.parametrize("size", [1, 7, 1_000_000])
@pytest.mark.parametrize("what", REFUSED)
async def test_what_is_no_form_is_refused(what: str, size: int) -> None:
    with pytest.raises(Refusal) as caught:
        await read(REFUSED[what], size)
    assert (caught.value.code, caught.value.field) == ("invalid_request", "body")
    assert caught.value.message.endswith(".")


@pytest.mark.parametrize("content_type", ["multipart/form-data", "multipart/form-data; boundary=", 'a; boundary=""'])
async def test_a_form_names_its_boundary(content_type: str) -> None:
    with pytest.raises(Refusal, match="names no boundary"):
        await read(FORM, 1_000_000, content_type)


async def test_a_part_that_is_not_read_is_skipped() -> None:
    form = Multipart(cut(HEAD + b"1" * 1000 + b"\r\n" + HEAD + b"2" + END, 100), "multipart/form-data; boundary=bound")
    assert await form.next_part()
    assert await form.next_part()
    assert [data async for data in form.data()] == [b"2"]
    assert await form.next_part() is None
