"""The file of a picture, which knows whether it is complete."""

import io

_JP2_BOX_BYTES = 12
"""How a JPEG 2000 file begins that is made of boxes; else it is the bare data of the picture."""


class PictureFile(io.BufferedReader):
    """A picture's file.

    Attributes:
        ended: Whether a reader asked for more bytes than the file has.
        damage: Of a JPEG: the code of what is wrong within it, or nothing; None until that is known.
        drawn_in_part: Whether it was drawn though it is damaged or truncated.
        drawn_share: Of a truncated file that was decoded all the same: which part of the picture's pixels it has.
    """

    def __init__(self, path: str) -> None:
        super().__init__(io.FileIO(path))
        self.ended = False
        self.damage: str | None = None
        self.drawn_in_part = False
        self.drawn_share: float | None = None

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.ended = self.ended or (size is not None and len(data) < size)
        return data

    def is_truncated(self, name: str) -> bool:
        """Tell whether the file is shorter than its own header says. Only WebP, AVIF, HEIC and most of JPEG
        2000 state their length.

        Args:
            name: The format, a key of `formats.PLUGINS`.
        """
        end = self.seek(0, io.SEEK_END)
        if name == "webp":
            return end < 8 + self._number(4, "little")
        position = 0
        in_boxes = name in ("avif", "heic") or (name == "jp2" and self._number(0, "big") == _JP2_BOX_BYTES)
        while in_boxes and position + 8 <= end:
            length = self._number(position, "big")
            if length == 1:  # a 64-bit length follows the box's type
                length = self._number(position + 8, "big") << 32 | self._number(position + 12, "big")
            if length == 0:  # to the end of the file, whatever that is
                break
            position += max(length, 8)
        return position > end

    def ends_with(self, mark: bytes) -> bool:
        """Tell whether these are the last bytes of the file."""
        self.seek(-min(len(mark), self.seek(0, io.SEEK_END)), io.SEEK_END)
        return super().read(len(mark)) == mark

    def _number(self, position: int, order: str) -> int:
        self.seek(position)
        return int.from_bytes(super().read(4), "big" if order == "big" else "little")
