"""A form that sends a table as its file, and says in its fields how to read and show it."""

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import Any

from api.http.checks import Checks
from api.http.multipart import Multipart, Part
from api.reports.tables import TableOptions
from api.uploads.receive import receive_any
from api.uploads.unknown_fields import FILE_FIELD, UnknownFields
from tasks.blob_ref import BlobRef
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tasks.validation import faults_of, refusal_of


class TableForm:
    """Reads the form. The file is stored only if the fields after it are right too: it is put while they are read.

    Args:
        form: The form.
        storage: Where the file is stored.
        settings: The limits.
        parsers: What reads the fields that are not about the table, by name.
        elsewhere: Parameters of the query that no field may give.
        given: Parameters of the query; no field may say the same.
        check: Raises what is wrong with the options, before the file is stored.
        checks: Those of the request so far.
    """

    def __init__(
        self,
        form: Multipart,
        storage: Storage,
        settings: Settings,
        *,
        parsers: Mapping[str, Callable[[str], Any]],
        elsewhere: Collection[str],
        given: Mapping[str, Any],
        check: Callable[[TableOptions], object],
        checks: Checks,
    ) -> None:
        self._form = form
        self._storage = storage
        self._settings = settings
        self._parsers = parsers
        self._unknown = UnknownFields((*TableOptions.model_fields, *parsers), elsewhere, checks)
        self._given = given
        self._check = check
        self._checks = checks
        self._fields: dict[str, str] = {}

    @property
    def warnings(self) -> list[str]:
        """What was passed over."""
        return self._unknown.warnings

    async def receive(self) -> tuple[BlobRef, TableOptions]:
        """Read the form and store its file.

        Returns:
            The file, and the options of query and form together.

        Raises:
            Refusal: `no_file`, `too_many_files`, `too_large`, `params_too_large`, `invalid_request`.
        """
        blob: BlobRef | None = None
        while blob is None and (part := await self._form.next_part()) is not None:
            if part.filename is None:
                await self._read_field(part)
            else:
                blob = await self._receive_file(part)
        if blob is None:
            self._checks.add(Refusal("no_file", "The form has no file. Send the table as one.", field=FILE_FIELD))
            self._checks.done()
        assert blob is not None  # noqa: S101 - else the checks have failed
        return blob, self._options()

    async def _receive_file(self, part: Part) -> BlobRef | None:
        data = self._form.data()
        first = await anext(data, b"")
        if not part.filename and not first:
            return None  # an input for a file that was left empty
        self._checks.done()
        return await receive_any(self._with_the_rest(first, data), self._storage, self._settings.max_dataset_bytes)

    async def _with_the_rest(self, first: bytes, data: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        yield first
        async for chunk in data:
            yield chunk
            del chunk  # see `chunks_of`
        while (part := await self._form.next_part()) is not None:
            if part.filename is None:
                await self._read_field(part)
            elif part.filename or [chunk async for chunk in self._form.data()]:
                message = "The form has more than one file. Send one table in a request."
                raise Refusal("too_many_files", message, field=part.field, limit=1)
        self._check(self._options())
        self._checks.done()

    async def _read_field(self, part: Part) -> None:
        limit, data = self._settings.max_params_bytes, b""
        async for chunk in self._form.data():
            data += chunk
            if len(data) > limit:
                message = f"The form field {part.field!r} is larger than the limit of {limit} bytes."
                raise Refusal("params_too_large", message, field=part.field, limit=limit)
        text = data.decode(errors="replace")
        if part.field in self._parsers:
            self._checks.run(lambda: self._parsers[part.field](text))
        elif part.field not in TableOptions.model_fields:
            self._unknown.pass_over(part.field)
        elif part.field in self._fields or part.field in self._given:
            message = f"{part.field}: The field is sent twice. Send it once, in the query or in the form."
            self._checks.add(Refusal("invalid_request", message, field=part.field))
        else:
            self._fields[part.field] = text

    def _options(self) -> TableOptions:
        options = self._checks.model(
            {**self._given, **self._fields}, TableOptions, lambda error: refusal_of(faults_of(error))
        )
        self._checks.done()
        assert options is not None  # noqa: S101 - else the checks have failed
        return options
