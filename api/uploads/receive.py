"""Stream uploads from a request into storage. The bytes are checked and counted as they arrive, never held whole."""

from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from api.http.checks import Checks
from api.http.multipart import Multipart, Part
from api.uploads.unknown_fields import UnknownFields
from tasks.blob_ref import BlobRef
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tasks.thumbnail.signatures import HEAD_BYTES, allowed_type, media_type_of

NAME_CHARACTERS = 200
BAD_FILE = ("no_file", "unsupported_format")
"""What is wrong with a file by its first bytes. The files after it are examined too, but not stored."""


@dataclass(frozen=True, slots=True)
class Upload:
    """An image in storage. name: the client's name for it, only to show to people."""

    blob: BlobRef
    name: str | None


async def receive_raw(
    body: AsyncIterator[bytes], storage: Storage, max_bytes: int, types: Collection[str] = ()
) -> Upload:
    """Store a body that is one image.

    Args:
        body: The chunks of the body.
        storage: Where to store it.
        max_bytes: The limit of its size.
        types: The media types that it may have; none is any that is read.

    Returns:
        The image, without a name.

    Raises:
        Refusal: `no_file`, `unsupported_format`, `too_large`.
    """
    with _naming("body"):
        head, whole = await _peek(body)
        return Upload(
            await storage.put(whole, max_bytes=max_bytes, type=allowed_type(media_type_of(head), types)), None
        )


async def receive_any(
    body: AsyncIterator[bytes], storage: Storage, max_bytes: int, types: Collection[str] = ()
) -> BlobRef:
    """Store a body of any format.

    Args:
        body: The chunks of the body.
        storage: Where to store it.
        max_bytes: The limit of its size.
        types: The media types that it may have; none is any.

    Raises:
        Refusal: `no_file`, `too_large`, `unsupported_format`.
    """
    with _naming("body"):
        head, whole = await _peek(body)
        if types:
            allowed_type(media_type_of(head), types)
        return await storage.put(whole, max_bytes=max_bytes)


class FormUploads:
    """The images and the text fields of a form. Either all files are valid and stored, or none is stored.

    For that, each file's `Storage.put` runs inside the `put` of the file before: a put writes its blob when its chunks
    end, and they end only after the rest of the form was read and is valid.
    """

    def __init__(
        self,
        form: Multipart,
        storage: Storage,
        settings: Settings,
        parsers: Mapping[str, Callable[[str], Any]],
        checks: Checks,
        elsewhere: Collection[str] = (),
        types: Collection[str] = (),
    ) -> None:
        self._types = types
        self.values: dict[str, Any] = {}
        self._uploads: dict[int, Upload] = {}
        self._files = 0
        self._has_bad_file = False
        self._passed_over = 0
        self._form = form
        self._storage = storage
        self._settings = settings
        self._parsers = parsers
        self._unknown = UnknownFields(parsers, elsewhere, checks)
        self._checks = checks

    @property
    def warnings(self) -> list[str]:
        """What was passed over."""
        return self._unknown.warnings

    async def receive(self) -> list[Upload]:
        """Read the form and store its files.

        Returns:
            The files, in the order of the form. The parsed text fields are in `values`, and `warnings` names those
            that are unknown.

        Raises:
            Refusal: `no_file`, `too_many_files`, `unsupported_format`, `too_large`, `params_too_large`,
                `invalid_request`, and those of the parsers.
        """
        await self._receive_rest()
        return [self._uploads[index] for index in range(self._files)]

    async def _receive_rest(self) -> None:
        while (part := await self._form.next_part()) is not None:
            if part.filename is not None:
                await self._receive_file(part)
            elif part.field not in self._parsers:
                self._unknown.pass_over(part.field)
                await self._skip()
            elif part.field in self.values:
                message = f"The form field {part.field!r} is sent twice. Send it once."
                self._checks.add(Refusal("invalid_request", message, field=part.field))
                await self._skip()
            else:
                text, parser = await self._text(part), self._parsers[part.field]
                with self._checks.collect():
                    read = parser(text)
                    self.values[part.field] = await read if isawaitable(read) else read
        if self._files == 0:
            self._checks.add(Refusal("no_file", "The form has no file. Send at least one.", field="file"))
        self._checks.done()

    async def _text(self, part: Part) -> str:
        limit = self._settings.max_params_bytes
        text = b""
        async for chunk in self._form.data():
            text += chunk
            if len(text) > limit:
                raise Refusal(
                    "params_too_large",
                    f"The form field {part.field!r} is larger than the limit of {limit} bytes.",
                    field=part.field,
                    limit=limit,
                )
        return text.decode(errors="replace")

    async def _skip(self) -> None:
        """Pass over a field, to see what else is wrong. One that is too large is not read to its end.

        Raises:
            Refusal: `params_too_large`, or what was wrong before.
        """
        limit, size = self._settings.max_params_bytes, 0
        async for chunk in self._form.data():
            size += len(chunk)
            if size > limit:
                self._checks.done()
                message = f"A form field is larger than the limit of {limit} bytes. Leave it out."
                raise Refusal("params_too_large", message, limit=limit)

    async def _receive_file(self, part: Part) -> None:
        if not self._has_bad_file:
            self._checks.done()  # before anything is stored
        data = self._form.data()
        first = [await anext(data, b"")]  # a list, out of which it goes; see `chunks_of`
        if not part.filename and not first[0]:
            return  # an input for a file that was left empty
        index, limit = self._files, self._settings.max_files_per_request
        if index == limit:
            message = f"The form has more than {limit} files. Send at most {limit} files in one request."
            self._checks.add(Refusal("too_many_files", message, field=part.field, limit=limit))
            self._checks.done()
        self._files += 1
        name = clean(part.filename)
        which = f"File {index + 1} of the form" + (f", {name!r}" if name else "")
        with _naming(f"{part.field}.{index}", which):
            try:
                head, whole = await _peek(whole_body(first, data))
                media_type = allowed_type(media_type_of(head), self._types)
            except Refusal as refusal:
                if refusal.code not in BAD_FILE:
                    raise
                self._has_bad_file = True
                refusal.field, refusal.message = f"{part.field}.{index}", f"{which}: {refusal.message}"
                self._checks.add(refusal)
            if self._has_bad_file:
                await self._pass_over(data)
                return
            blob = await self._storage.put(
                self._with_the_rest(whole), max_bytes=self._settings.max_upload_bytes, type=media_type
            )
        self._uploads[index] = Upload(blob, name)

    async def _pass_over(self, data: AsyncIterator[bytes]) -> None:
        """Read to the end of a file that is not stored, to see what else is wrong. All such files of a form together
        may have the bytes of one upload.

        Raises:
            Refusal: What was wrong so far.
        """
        async for chunk in data:
            self._passed_over += len(chunk)
            if self._passed_over > self._settings.max_upload_bytes:
                self._checks.done()

    async def _with_the_rest(self, data: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in data:
            yield chunk
            del chunk  # see `chunks_of`
        await self._receive_rest()


def read_name(most_chars: int, text: str) -> str | None:
    """The name in a field of a form, as it is stored. Raises: Refusal `invalid_request`."""
    if len(text) > most_chars:
        message = f"name: The text has {len(text)} characters. At most {most_chars} are allowed."
        raise Refusal("invalid_request", message, field="name", limit=most_chars)
    return clean(text)


def clean(name: str | None) -> str | None:
    """A file name as it is stored: without folders and without characters that do not print."""
    last = (name or "").replace("\\", "/").rpartition("/")[2]
    return "".join(character for character in last if character.isprintable())[:NAME_CHARACTERS] or None


@contextmanager
def _naming(field: str, which: str | None = None) -> Iterator[None]:
    """Give refusals raised inside this field, if they name none. which: what their message begins with then."""
    try:
        yield
    except Refusal as refusal:
        if refusal.field is None:
            refusal.field = field
            refusal.message = f"{which}: {refusal.message}" if which else refusal.message
        raise


async def _peek(chunks: AsyncIterator[bytes]) -> tuple[bytes, AsyncIterator[bytes]]:
    """The first HEAD_BYTES bytes, or all bytes of a shorter file; and the whole file."""
    first = b""
    async for chunk in chunks:
        first += chunk
        if len(first) >= HEAD_BYTES:
            break
    if not first:
        raise Refusal("no_file", "The file is empty. Send the bytes of a file.")
    return first[:HEAD_BYTES], whole_body([first], chunks)


async def whole_body(first: list[bytes], rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """A body of which some bytes were read already. They go out of the list; see `chunks_of`."""
    yield first.pop()
    async for chunk in rest:
        yield chunk
        del chunk  # see `chunks_of`
