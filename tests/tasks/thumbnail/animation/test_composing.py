"""Frames are put together as browsers do it, whatever the parts say of each other."""

import pytest
from PIL import Image

from tasks.thumbnail.animation.composing import shown_ms
from tests.support.thumbnail.animations import (
    BLUE,
    CLEAR,
    GREEN,
    RED,
    ApngPart,
    GifPart,
    apng_of,
    gif_of,
    played,
)
from tests.support.thumbnail.drawing import Renderer, close

WHOLE, LEFT, RIGHT = (0, 0, 16, 8), (0, 0, 8, 8), (8, 0, 16, 8)
KEEP, CLEARED, RESTORED = 1, 2, 3

# What is seen left and right in each frame.
GIFS = {
    "what follows is drawn over what was there": (
        [GifPart(0, WHOLE, KEEP), GifPart(1, RIGHT, KEEP), GifPart(2, LEFT)],
        [(RED, RED), (RED, GREEN), (BLUE, GREEN)],
    ),
    "no disposal is the same as keeping": (
        [GifPart(0, WHOLE, CLEARED), GifPart(1, LEFT), GifPart(2, RIGHT)],
        [(RED, RED), (GREEN, CLEAR), (GREEN, BLUE)],
    ),
    "what is cleared is transparent, whatever colour the background has": (
        [GifPart(0, WHOLE, KEEP), GifPart(1, LEFT, CLEARED), GifPart(2, RIGHT)],
        [(RED, RED), (GREEN, RED), (CLEAR, BLUE)],
    ),
    "what is restored is seen again": (
        [GifPart(0, WHOLE, KEEP), GifPart(1, LEFT, RESTORED), GifPart(2, RIGHT)],
        [(RED, RED), (GREEN, RED), (RED, BLUE)],
    ),
    "before the first frame there is nothing to restore": (
        [GifPart(0, LEFT, RESTORED), GifPart(1, RIGHT)],
        [(RED, CLEAR), (CLEAR, GREEN)],
    ),
    "a first frame smaller than its canvas is clear around it": (
        [GifPart(0, LEFT), GifPart(1, LEFT)],
        [(RED, CLEAR), (GREEN, CLEAR)],
    ),
    "the transparent colour lets through": (
        [GifPart(0, WHOLE, KEEP), GifPart(1, WHOLE, KEEP, transparent=1), GifPart(2, LEFT)],
        [(RED, RED), (RED, RED), (BLUE, RED)],
    ),
    "what reaches beyond the canvas is cut off": (
        [GifPart(0, WHOLE), GifPart(1, (8, 4, 30, 90)), GifPart(1, (20, 0, 30, 5), CLEARED), GifPart(2, RIGHT)],
        [(RED, RED), (RED, GREEN), (RED, GREEN), (RED, BLUE)],
    ),
}
APNGS = {
    "in place": (
        [ApngPart(RED, WHOLE), ApngPart((0, 255, 0, 0), RIGHT), ApngPart(BLUE, LEFT)],
        [(RED, RED), (RED, CLEAR), (BLUE, CLEAR)],
    ),
    "over": (
        [ApngPart(RED, WHOLE), ApngPart(CLEAR, RIGHT, blend=1), ApngPart((0, 0, 255, 128), LEFT, blend=1)],
        [(RED, RED), (RED, RED), ((127, 0, 128, 255), RED)],
    ),
    "half over nothing stays half": (
        [ApngPart(CLEAR, WHOLE), ApngPart((0, 0, 255, 128), LEFT, blend=1)],
        [(CLEAR, CLEAR), ((0, 0, 255, 128), CLEAR)],
    ),
    "cleared": (
        [ApngPart(RED, WHOLE), ApngPart(GREEN, LEFT, 1), ApngPart(BLUE, RIGHT)],
        [(RED, RED), (GREEN, RED), (CLEAR, BLUE)],
    ),
    "restored": (
        [ApngPart(RED, WHOLE), ApngPart(GREEN, LEFT, 2), ApngPart(BLUE, RIGHT)],
        [(RED, RED), (GREEN, RED), (RED, BLUE)],
    ),
}
CASES = {
    **{f"gif: {name}": (gif_of((16, 8), *parts, repeats=0), seen) for name, (parts, seen) in GIFS.items()},
    **{f"apng: {name}": (apng_of((16, 8), *parts), seen) for name, (parts, seen) in APNGS.items()},
    "apng: a picture in front is no frame": (
        apng_of((16, 8), ApngPart(GREEN, WHOLE), ApngPart(BLUE, WHOLE), front=RED),
        [(GREEN, GREEN), (BLUE, BLUE)],
    ),
}


def _sides(frame: Image.Image) -> list[object]:
    return [frame.getpixel((3, 5)), frame.getpixel((12, 5))]


@pytest.mark.parametrize("case", CASES)
def test_each_frame_shows_what_browsers_show(renderer: Renderer, case: str) -> None:
    data, seen = CASES[case]
    file = renderer.render(data, {"name": "one", "width": 16, "animated": True, "quality": 100})[0]
    with Image.open(file["path"]) as written:  # equal frames that follow each other become one
        assert (file["type"], file["frames"]) == ("image/webp", getattr(written, "n_frames", 1))
    drawn = _unfolded(file["path"], file["duration_ms"])
    assert len(drawn) == len(seen)
    for frame, (left, right) in zip(drawn, seen, strict=True):
        for pixel, expected in zip(_sides(frame), (left, right), strict=True):
            assert close(pixel, expected, 10) or (expected[3] == 0 and isinstance(pixel, tuple) and pixel[3] == 0)


def _unfolded(path: str, duration_ms: int) -> list[Image.Image]:
    """The frames, each for 50 ms: an encoder joins those that are the same."""
    found = played(path)
    frames = [frame for frame, ms in zip(found.frames, found.durations_ms, strict=True) for _ in range(round(ms / 50))]
    assert sum(found.durations_ms) == duration_ms
    return frames


def test_the_first_frame_alone_is_clear_around_it_too(renderer: Renderer) -> None:
    data = gif_of((16, 8), GifPart(0, LEFT), GifPart(1, WHOLE))
    assert renderer.probe(data)["has_alpha"] is True
    assert _sides(renderer.picture(data, width=16, format="png")) == [RED, CLEAR]


def test_very_short_frames_last_as_long_as_in_browsers() -> None:
    assert [shown_ms(ms) for ms in (0, 10, 11, 20, 5000)] == [100, 100, 11, 20, 5000]
