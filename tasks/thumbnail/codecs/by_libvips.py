"""Decoding by libvips of what Pillow's plugin for a format does not read, whichever engine draws afterwards."""

from typing import Any, ClassVar

from PIL import Image
from PIL.ImageFile import ImageFile

try:
    import pyvips

    from tasks.thumbnail.engines import vips as _blocked_first  # noqa: F401 - it blocks every loader
except (ImportError, OSError):  # not every system has a wheel of libvips
    HAS_LIBVIPS = False
else:
    HAS_LIBVIPS = True
    for _class in ("VipsForeignLoadTiff", "VipsForeignLoadHeif"):
        pyvips.operation_block_set(_class, False)

DECODER_BYTES = 32
"""Bytes of memory that decoding takes for a pixel: of 32-bit samples, for which a whole picture may be one strip."""

_COLOURS = {"b-w": 1, "grey16": 1, "cmyk": 4}
"""Samples of a pixel without alpha; 3 in other colour spaces."""
_MODES = {(1, False): "L", (1, True): "LA", (3, False): "RGB", (3, True): "RGBA", (4, False): "CMYK", (4, True): "CMYK"}
_TO_SRGB = {"lab", "labs", "lch", "xyz", "scrgb"}
"""Spaces that libvips converts to sRGB by itself; it takes floating-point RGB as linear light."""
_SHIFTS = {"ushort": 8, "uint": 24}
_PROFILE = "icc-profile-data"


class LibvipsFallback(ImageFile):
    """A picture file that libvips decodes where the plugin beside which this class stands cannot.

    What is wrong with a file that neither can read is the plugin's to say.
    """

    LOADER: ClassVar[str]
    """The loader of libvips, such as `tiffload`."""

    decoder_bytes: int | None = None
    """DECODER_BYTES where libvips decodes."""
    _vips: Any = None

    def _open(self) -> None:
        try:
            super()._open()  # type: ignore[safe-super]
            suits = self._suits()
        except Exception as error:  # untrusted bytes: a plugin may raise anything
            self._hand_over(error)
        else:
            if not suits:
                self._hand_over(None)

    def _suits(self) -> bool:
        """Tell whether the plugin, which has read the header, draws this kind of file right."""
        return True

    def load(self) -> Any:
        """Decode the first frame."""
        failed: Exception | None = None
        if self._vips is None:
            try:
                return super().load()
            except Exception as error:  # as in _open
                self._hand_over(error)
                failed = error
        if self._vips is not None and self.tile:
            image, self._vips = self._vips, None
            self.tile = []
            try:
                self.im = _decoded(image, self.mode).im
            except pyvips.Error as error:
                raise failed or _readable(error) from error
        return Image.Image.load(self)

    def _hand_over(self, error: Exception | None) -> None:
        """Let libvips decode the file; raise `error` if it cannot either."""
        image = None
        if HAS_LIBVIPS and self.fp is not None and not isinstance(error, MemoryError):
            try:
                image = getattr(pyvips.Image, self.LOADER)(self.fp.name, fail_on="error").autorot()
            except pyvips.Error:
                image = None
        if image is not None:
            self._vips = image
            self._size = (image.width, image.height)
            self._mode = _mode_of(image)
            self.palette = None
            self.info = {"icc_profile": image.get(_PROFILE)} if image.get_typeof(_PROFILE) else {}
            self.tile = [("libvips", (0, 0, *self._size), 0, ())]  # type: ignore[list-item]
            self.decoder_bytes = DECODER_BYTES
        elif error is not None:
            raise error


def _mode_of(image: Any) -> str:
    bands = min(_COLOURS.get(image.interpretation, 3), image.bands)
    return _MODES.get((bands, image.bands == bands + 1), "L" if bands < 3 else "RGB")


def _readable(error: Exception) -> Exception:
    """What an error of libvips says, as an exception of Python's."""
    ends_early = any(words in str(error) for words in ("bytes, expected", "Not enough data", "end of file"))
    return EOFError(str(error)) if ends_early else OSError(str(error))


def _decoded(image: Any, mode: str) -> Image.Image:
    colours = _COLOURS.get(image.interpretation, 3)
    drawn = _eight_bits(image[: min(colours, image.bands)], image.interpretation)
    if mode in ("LA", "RGBA"):
        drawn = drawn.bandjoin(_eight_bits(image[image.bands - 1], "b-w"))
    return Image.frombuffer(mode, (drawn.width, drawn.height), drawn.write_to_memory(), "raw", mode, 0, 1)


def _eight_bits(image: Any, space: str) -> Any:
    if space in _TO_SRGB:
        return image.colourspace("srgb")
    if image.format in _SHIFTS:
        return (image >> _SHIFTS[image.format]).cast("uchar")
    if image.format in ("uchar", "char"):  # many files say of unsigned samples that they are signed; so does Pillow
        return image.copy(format="uchar")
    # Signed and floating-point samples have no defined black and white.
    image = image.copy_memory()
    low, high = image.min(), image.max()
    if 0 <= low <= high <= 1:
        low, high = 0, 1
    scale = 255 / ((high - low) or 1)
    return (image.linear(scale, -low * scale) + 0.5).cast("uchar")
