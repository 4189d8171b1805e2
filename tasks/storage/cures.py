"""What an operator has to correct when the storage fails in a way that no waiting cures.

obstore has one class of errors for most of what can go wrong, so its text is looked at.
"""

from typing import Final

from obstore.exceptions import BaseError, PermissionDeniedError, UnauthenticatedError

WRONG_KEYS: Final = (
    "Its keys are wrong, or have too few rights; correct them (for S3, AWS_ACCESS_KEY_ID and its secret)."
)
NO_KEYS: Final = (
    "It has no keys, and this machine has no role that gives it some: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
)
WRONG_CERTIFICATE: Final = (
    "Its certificate is not accepted. If an authority of your own has signed it, name that in STORAGE_CA."
)
NO_BUCKET: Final = "Its bucket does not exist; create it, or correct STORAGE_URL."
BAD_FOLDER: Final = "Its folder is not readable and writable for this process; correct its owner or STORAGE_URL."
STATUS: Final = "status code:"
METADATA_HOST: Final = "169.254.169.254"
"""Where a client without any keys looks for them; it is named in the error."""
BAD_CERTIFICATE: Final = "InvalidCertificate("
"""How the TLS library names what it does not accept."""


def cure_of(error: BaseError, *, is_folder: bool) -> str | None:
    """Say what to correct, as a sentence without names of hosts and buckets; None if waiting may help.

    Args:
        error: What obstore raised.
        is_folder: Whether the storage is a local folder.
    """
    if is_folder:
        return BAD_FOLDER if isinstance(error, PermissionDeniedError) else None
    # A listing has one sort of error for everything; its text has the status.
    text = str(error)
    if METADATA_HOST in text:
        return NO_KEYS
    if f"{STATUS} 404" in text:
        return NO_BUCKET
    if isinstance(error, PermissionDeniedError | UnauthenticatedError):
        return WRONG_KEYS
    if any(words in text for words in (f"{STATUS} 401", f"{STATUS} 403")):
        return WRONG_KEYS
    return WRONG_CERTIFICATE if BAD_CERTIFICATE in text else None
