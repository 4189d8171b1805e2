"""The query of a request: a parameter that we do not know is a mistake, not a wish to pass over."""

from fastapi import Request

from tasks.refusal import Refusal


def refuse_unknown(request: Request, *known: str) -> None:
    """Raises: Refusal `invalid_request` that names the first parameter which is none of `known`."""
    for name in request.query_params:
        if name not in known:
            there = f"there are {', '.join(known)}" if known else "there is none"
            raise Refusal("invalid_request", f"There is no parameter {name!r} here; {there}.", field=name)
