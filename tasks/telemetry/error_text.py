"""The text of any exception: also of a class, perhaps a user's own, that raises when it is asked for it."""


def text_of_error(error: BaseException) -> str:
    """Its text; an empty one if it has none."""
    try:
        return str(error)
    except Exception:  # whatever its class does
        return ""


def message_of(error: BaseException) -> str:
    """Its class and the last line of its text, for the record of a job. Traceback and URLs are in the log only."""
    lines = text_of_error(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[-1] if lines else ''}"
