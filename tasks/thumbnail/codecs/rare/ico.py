"""ICO: the largest picture of an icon, and of several so large the one with the most colours."""

from typing import Any

from PIL import Image
from PIL.IcoImagePlugin import IcoFile
from PIL.ImageFile import ImageFile

_PNG = b"\x89PNG"


class IcoPicture(ImageFile):
    """An icon, of which nothing but headers is read before `load`."""

    format = "ICO"

    def _open(self) -> None:
        self._icon = IcoFile(self._file)
        if not self._icon.entry:
            raise ValueError("there is no picture in it")
        entries = self._icon.entry
        self._largest = max(range(len(entries)), key=lambda number: (entries[number].square, entries[number].bpp))
        self._file.seek(entries[self._largest].offset)
        head = self._file.read(24)
        if len(head) < 24:
            raise EOFError("the picture is missing")
        if head.startswith(_PNG):
            self._size = (int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big"))
        else:  # a bitmap, and below it one of the same size that says what is transparent
            self._size = (int.from_bytes(head[4:8], "little"), int.from_bytes(head[8:12], "little") // 2)
        self._mode = "RGBA"

    def load(self) -> Any:
        """Decode the picture once."""
        if self._im is None:
            self.im = self._icon.frame(self._largest).convert("RGBA").im
        return Image.Image.load(self)

    @property
    def _file(self) -> Any:
        return self.fp
