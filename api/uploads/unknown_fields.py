"""Fields of a form that mean nothing: they are passed over with a warning, unless they look like a misspelt one."""

from collections.abc import Collection

from api.http.checks import Checks
from tasks.refusal import Refusal
from tasks.validation import like, shown

MAX_UNKNOWN_FIELDS = 20
"""The number of unknown fields that one form may have."""
FILE_FIELD = "file"


class UnknownFields:
    """The unknown fields of one form.

    Args:
        known: The names of its text fields.
        elsewhere: Parameters of the query.
        checks: Those of the request.

    Attributes:
        warnings: What was passed over.
    """

    def __init__(self, known: Collection[str], elsewhere: Collection[str], checks: Checks) -> None:
        self.warnings: list[str] = []
        self._known = known
        self._elsewhere = elsewhere
        self._checks = checks

    def pass_over(self, field: str) -> None:
        """Note that a field is not used. One that is likely a known field in another spelling is a fault."""
        known = f"A form has files and the text fields {', '.join(self._known)}."
        meant = like(field, [*self._known, *self._elsewhere])
        if field == FILE_FIELD:
            message = f"The form field {field!r} is a text. Send a file (curl -F {field}=@photo.jpg)."
        elif field in self._elsewhere:
            message = f"The form field {field!r} is a parameter of the query. Send it there. {known}"
        elif meant:
            message = f"The form field {shown(field)} is unknown. Did you mean {meant!r}? {known}"
        elif len(self.warnings) == MAX_UNKNOWN_FIELDS:
            message = f"The form has more than {MAX_UNKNOWN_FIELDS} unknown fields. Leave them out. {known}"
        else:
            self.warnings.append(f"The form field {shown(field)} is unknown and was ignored. {known}")
            return
        self._checks.add(Refusal("invalid_request", message, field=field))
        if len(self.warnings) == MAX_UNKNOWN_FIELDS:
            self._checks.done()
