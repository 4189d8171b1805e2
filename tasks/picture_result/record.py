"""How a picture's summary is kept in the record of its job: as 70 bytes in hex, which pack better than their names."""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

BLURHASH_DIGITS: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
BLURHASH_CHARS: Final = 28
"""Characters of a BlurHash of 4 × 3 components."""
FIELD: Final = "summary"
"""The field of the stored picture. `unfolded` puts those of `PictureSummary.fields` in its place."""
_PHASH_BYTES: Final = 8
_COLOUR_BYTES: Final = 3
_BLURHASH_BYTES: Final = 23
"""83 to the power of BLURHASH_CHARS takes so many."""
_MAX_COLOURS: Final = 16
_MAX_THUMBHASH_BYTES: Final = 32
"""Both are more than there ever are: what is longer is no summary."""


@dataclass(frozen=True, slots=True)
class PictureSummary:
    """What is known of a picture by its looks.

    Attributes:
        thumbhash: Its ThumbHash.
        blurhash: Its BlurHash, BLURHASH_CHARS characters.
        palette: Its main colours, such as `#1a2b3c`; none of a picture that is transparent all over.
        phash: Its perceptual hash of 64 bits.
    """

    thumbhash: bytes
    blurhash: str
    palette: Sequence[str]
    phash: int

    def packed(self) -> str:
        """Return it as it is stored."""
        colours = bytes.fromhex("".join(colour.removeprefix("#") for colour in self.palette))
        number = 0
        for digit in self.blurhash:
            number = number * len(BLURHASH_DIGITS) + BLURHASH_DIGITS.index(digit)
        parts = (
            self.phash.to_bytes(_PHASH_BYTES, "big"),
            number.to_bytes(_BLURHASH_BYTES, "big"),
            bytes([len(self.palette)]),
            colours,
            self.thumbhash,
        )
        return b"".join(parts).hex()

    @classmethod
    def unpacked(cls, text: str) -> "PictureSummary":
        """Return what `packed` returned as text.

        Raises:
            ValueError: It is something else.
        """
        data = bytes.fromhex(text)
        _check(data)
        phash, data = int.from_bytes(data[:_PHASH_BYTES], "big"), data[_PHASH_BYTES:]
        number, data = int.from_bytes(data[:_BLURHASH_BYTES], "big"), data[_BLURHASH_BYTES:]
        blurhash = ""
        for _ in range(BLURHASH_CHARS):
            number, digit = divmod(number, len(BLURHASH_DIGITS))
            blurhash = BLURHASH_DIGITS[digit] + blurhash
        end = 1 + data[0] * _COLOUR_BYTES
        palette = [f"#{data[start : start + _COLOUR_BYTES].hex()}" for start in range(1, end, _COLOUR_BYTES)]
        return cls(data[end:], blurhash, palette, phash)

    def fields(self) -> dict[str, Any]:
        """Return it as answers and webhooks have it."""
        found: dict[str, Any] = {"thumbhash": base64.b64encode(self.thumbhash).decode(), "blurhash": self.blurhash}
        if self.palette:
            found["dominant_colour"] = self.palette[0]
        return found | {"palette": list(self.palette), "phash": f"{self.phash:016x}"}


def _check(data: bytes) -> None:
    colours = _PHASH_BYTES + _BLURHASH_BYTES  # the place of their number
    if len(data) <= colours or data[colours] > _MAX_COLOURS:
        raise ValueError("it is no summary of a picture")
    if not 0 < len(data) - (colours + 1 + data[colours] * _COLOUR_BYTES) <= _MAX_THUMBHASH_BYTES:
        raise ValueError("it is no summary of a picture")


def unfolded(picture: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stored picture with the fields of its summary, if it has one that can be read: those of older versions
    have none."""
    fields = {name: value for name, value in picture.items() if name != FIELD}
    try:
        return fields | PictureSummary.unpacked(picture[FIELD]).fields()
    except (LookupError, TypeError, ValueError):
        return fields
