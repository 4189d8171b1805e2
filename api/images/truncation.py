"""The option `truncated`: what is done with an image whose file ends too early."""

from typing import Final, Literal

from tasks.refusal import Refusal
from tasks.validation import shown

Truncated = Literal["draw"]
TRUNCATED: Final = (
    "What is done with an image whose file ends too early. Without it, the job fails. With `draw`, what there is of a "
    "JPEG, PNG, WebP, GIF or BMP is drawn, the rest is grey or transparent, and the result says how much there was."
)


def read_truncated(text: str) -> Truncated:
    """Check the form field `truncated`.

    Raises:
        Refusal: `invalid_request`: it is another word than `draw`.
    """
    if text == "draw":
        return "draw"
    message = f"truncated: {shown(text)} is not allowed. Send 'draw', or leave it out to refuse a truncated image."
    raise Refusal("invalid_request", message, field="truncated")
