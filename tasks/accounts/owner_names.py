"""Names of owners in requests."""

from tasks.refusal import Refusal
from tasks.settings.owners import owner_fault


def check_owner(name: str, *, field: str = "owner") -> None:
    """Check that an owner may have this name, before something is stored under it.

    Args:
        name: The name.
        field: The field or parameter that has it.

    Raises:
        Refusal: `invalid_request`.
    """
    if fault := owner_fault(name):
        raise Refusal("invalid_request", f"{field}: {fault}", field=field)
