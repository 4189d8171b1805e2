"""Writes animations: WebP frame by frame, GIF when its last frame has come."""

import math
from pathlib import Path
from typing import Any, Protocol

from PIL import Image, _webp

from tasks.thumbnail.codecs.gif import paletted
from tasks.thumbnail.geometry import Size

GIF_STEP_MS = 10
"""GIF counts time in these steps."""
GIF_SHORTEST_MS = 20
"""Browsers slow down what is shorter."""
GIF_EFFORT = 4
"""How hard libvips looks for the colours of a frame, 1 to 10: from here on it takes many times longer."""
# The distance of key frames that libwebp's own converter uses for lossy frames.
_WEBP_KEYS = (3, 5)

_WEBP_TYPE, _WEBP_FLAGS, _WEBP_ALPHA = slice(12, 16), 20, 0x10
"""Where a file says which header it has, and which flags; the flag that says that it has transparency."""


class AnimationWriter(Protocol):
    """One animation that is being written. size: width and height in pixels, once it has a frame."""

    path: Path
    size: Size

    def add(self, image: Image.Image, duration_ms: float) -> None:
        """Add a frame, as large as those before."""

    def close(self) -> None:
        """Write the file."""


class WebPWriter:
    """Encodes each frame when it comes: with losses, or without where that is smaller.

    Args:
        path: The file to write.
        loops: How often it is played; 0 is without end.
        options: The quality, and the method of the encoder, of `encoding.OPTIONS`.
    """

    def __init__(self, path: Path, loops: int, options: dict[str, Any]) -> None:
        self.path = path
        self._loops = loops
        self._quality, self._method = options["quality"], options["method"]
        self._end_ms = 0.0
        self.size = (0, 0)
        self._has_alpha = False
        self._encoder: Any = None

    def add(self, image: Image.Image, duration_ms: float) -> None:
        if self._encoder is None:
            self.size = image.size
            self._encoder = _webp.WebPAnimEncoder(image.size, 0, self._loops, False, *_WEBP_KEYS, True, False)
        mode = "RGBA" if image.has_transparency_data else "RGB"
        self._has_alpha = self._has_alpha or mode == "RGBA"
        pixels = image.convert(mode).getim()
        self._encoder.add(pixels, round(self._end_ms), False, self._quality, 100, self._method)
        self._end_ms += duration_ms

    def close(self) -> None:
        self._encoder.add(None, round(self._end_ms), False, self._quality, 100, 0)
        encoded = self._encoder.assemble("", "", "")
        if encoded is None:
            raise MemoryError
        if self._has_alpha and encoded[_WEBP_TYPE] == b"VP8X":
            # The encoder sets the flag for parts with transparency, and not for what it clears before a part.
            encoded = encoded[:_WEBP_FLAGS] + bytes([encoded[_WEBP_FLAGS] | _WEBP_ALPHA]) + encoded[_WEBP_FLAGS + 1 :]
        self.path.write_bytes(encoded)


class GifTimes:
    """Rounds durations to those that a GIF can have, so that the sum stays right."""

    def __init__(self) -> None:
        self.durations_ms: list[int] = []
        self._owed_ms = 0.0

    def add(self, duration_ms: float) -> None:
        """Add the duration of a frame in milliseconds."""
        owed = self._owed_ms + duration_ms
        rounded = max(GIF_SHORTEST_MS, GIF_STEP_MS * math.floor(owed / GIF_STEP_MS + 0.5))
        self.durations_ms.append(rounded)
        self._owed_ms = owed - rounded


class VipsGifWriter:
    """Keeps the frames, and lets libvips choose their colours and what of them has changed.

    Args:
        path: The file to write.
        loops: How often it is played; 0 is without end.
    """

    def __init__(self, path: Path, loops: int) -> None:
        self.path = path
        self._loops = loops
        self._times = GifTimes()
        self.size = (0, 0)
        self._pixels = bytearray()

    def add(self, image: Image.Image, duration_ms: float) -> None:
        self.size = image.size
        self._pixels += image.convert("RGBA").tobytes()
        self._times.add(duration_ms)

    def close(self) -> None:
        import pyvips  # noqa: PLC0415 - not every system has a wheel of libvips

        times = self._times.durations_ms
        width, height = self.size
        strip = pyvips.Image.new_from_memory(self._pixels, width, height * len(times), 4, "uchar")
        strip = strip.copy(interpretation="srgb")
        strip.set_type(pyvips.GValue.gint_type, "page-height", height)
        strip.set_type(pyvips.GValue.gint_type, "loop", self._loops)
        strip.set_type(pyvips.GValue.array_int_type, "delay", times)
        # Not by libvips: of a full disk, its error does not say that it is full.
        self.path.write_bytes(strip.gifsave_buffer(effort=GIF_EFFORT))


class PillowGifWriter:
    """Keeps the frames with a palette each. Arguments are those of `VipsGifWriter`."""

    def __init__(self, path: Path, loops: int) -> None:
        self.path = path
        self._loops = loops
        self._times = GifTimes()
        self.size = (0, 0)
        self._frames: list[Image.Image] = []

    def add(self, image: Image.Image, duration_ms: float) -> None:
        self.size = image.size
        self._frames.append(paletted(image))
        self._times.add(duration_ms)

    def close(self) -> None:
        first, *others = self._frames
        clear = any("transparency" in frame.info for frame in self._frames)
        options: dict[str, Any] = {} if self._loops == 1 else {"loop": max(self._loops - 1, 0)}
        first.save(
            self.path,
            "GIF",
            save_all=True,
            append_images=others,
            duration=self._times.durations_ms,
            disposal=2 if clear else 1,
            optimize=False,
            **options,
        )
