"""Opens the animation of a picture file, whichever format it has."""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, BinaryIO, Final, NamedTuple, cast

from PIL import Image
from PIL.ImageFile import ImageFile

from tasks.thumbnail.animation.apng import apng_loops, apng_parts
from tasks.thumbnail.animation.composing import AnimationFrame, composed, shown_ms
from tasks.thumbnail.animation.gif import gif_loops, gif_parts
from tasks.thumbnail.codecs.webp import WebPPicture

ANIMATED: Final = {"gif", "png", "webp"}
"""The formats whose animation can be kept."""

MOST_LOOPS = 65_535
"""How often a WebP can be played, except for ever; a GIF can once more, and an animated PNG two billion times."""


class Animation(NamedTuple):
    """loops: how often it is played, 0 without end. frames: each is read when it is asked for, from the open file."""

    loops: int
    frames: Iterator[AnimationFrame]


@contextmanager
def opened(name: str, picture: ImageFile, file: BinaryIO, count: int) -> Iterator[Animation]:
    """Open an animation.

    Args:
        name: The format, of ANIMATED.
        picture: The picture, opened and not decoded.
        file: Its file, which has a file descriptor.
        count: The number of frames that the limits were checked with; no more are read.
    """
    if name == "webp":
        decoder = cast(WebPPicture, picture).decoder
        yield Animation(picture.info["loop"], _webp_frames(picture, decoder, count))
        decoder.reset()  # so that the first frame can be decoded again
        return
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        loops, parts = (gif_loops(data), gif_parts(data)) if name == "gif" else (apng_loops(data), apng_parts(data))
        yield Animation(min(loops, MOST_LOOPS), composed(picture.size, islice(parts, count)))


def _webp_frames(picture: ImageFile, decoder: Any, count: int) -> Iterator[AnimationFrame]:
    """The frames as libwebp draws them."""
    before = 0
    for _ in range(count):
        decoded = decoder.get_next()
        if decoded is None:
            raise OSError("a frame cannot be decoded")
        pixels, end = decoded
        # With alpha in any case: what is cleared before a part is transparent, whatever the header says.
        image = Image.frombuffer("RGBA", picture.size, pixels, "raw", "RGBA", 0, 1)
        yield AnimationFrame(image, shown_ms(end - before))
        before = end
