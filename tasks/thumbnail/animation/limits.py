"""What keeping an animation costs, checked by its header before a frame is decoded."""

import math
import mmap
import os
from itertools import islice
from typing import Any, BinaryIO

from PIL.ImageFile import ImageFile

from tasks.refusal import Refusal
from tasks.thumbnail.animation.gif import gif_frames
from tasks.thumbnail.animation.reading import ANIMATED
from tasks.thumbnail.memory import MEGABYTE
from tasks.thumbnail.planning import Planning

DECODING_BYTES = 24
"""Bytes for a pixel of the animation: the canvas, what it was before, the part being drawn, and the frame that is
resampled."""
ENCODING_BYTES = 48
"""Bytes for a pixel of each animation that is written: WebP keeps three canvases, and one is being compressed."""
KEPT_BYTES = {"gif": 4, "webp": 1}
"""Bytes for a pixel of each frame that are kept until the last one has come: those of WebP are compressed."""
BESIDES_MB = 14
"""Megabytes for the buffers of the codecs and colour tables."""
_SHORTER = "Send a smaller or shorter one, or leave 'animated' out to get its first frame."


def animated_variants(name: str, frames: int, variants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the variants that are drawn as animations of a picture: none of a still one.

    Args:
        name: The picture's format.
        frames: How many frames it has.
        variants: Dumps of `Variant`.
    """
    return [variant for variant in variants if variant["animated"]] if name in ANIMATED and frames > 1 else []


def animated_formats(variant: dict[str, Any]) -> list[str]:
    """Return the formats in which an animated variant is written: webp, gif or both."""
    if variant["formats"]:
        return list(variant["formats"])
    return ["gif" if variant["format"] == "gif" else "webp"]


def check_animation(
    name: str, picture: ImageFile, file: BinaryIO, frames: int, variants: list[dict[str, Any]], limits: dict[str, int]
) -> int:
    """Check the animations that are drawn of a picture against the limits.

    Args:
        name: The picture's format.
        picture: The opened picture.
        file: Its file, which has a file descriptor.
        frames: How many frames it has.
        variants: Dumps of `Variant`, animated or not.
        limits: max_frames, max_animation_pixels, max_animation_output_pixels and max_memory_mb.

    Returns:
        Megabytes that drawing them is estimated to take in addition to an idle process.

    Raises:
        Refusal: `too_many_frames`, `too_many_pixels` or `too_much_memory`.
    """
    variants = animated_variants(name, frames, variants)
    if not variants:
        return 0
    if frames > (limit := limits["max_frames"]):
        raise Refusal(
            "too_many_frames",
            f"The animation has {frames:,} frames; the limit is {limit:,} (MAX_FRAMES). {_SHORTER}",
            limit=limit,
        )
    largest, total = _decoded_pixels(name, picture, file, frames)
    if total > (limit := limits["max_animation_pixels"]):
        raise Refusal(
            "too_many_pixels",
            f"The {frames:,} frames of the animation have {total:,} pixels in all; the limit is {limit:,} "
            f"(MAX_ANIMATION_PIXELS). {_SHORTER}",
            limit=limit,
        )
    planning = Planning(picture, variants)
    drawn = [
        (form, math.prod(plan.canvas))
        for plan, variant in zip(planning.plans, planning.variants, strict=True)
        for form in animated_formats(variant)
    ]
    output = frames * sum(pixels for _, pixels in drawn)
    if output > (limit := limits["max_animation_output_pixels"]):
        raise Refusal(
            "too_many_pixels",
            f"The {frames:,} frames of the animated variants have {output:,} pixels in all; the limit is "
            f"{limit:,} (MAX_ANIMATION_OUTPUT_PIXELS). Ask for smaller or fewer ones, or send a shorter animation.",
            limit=limit,
        )
    encoding = sum((ENCODING_BYTES + frames * KEPT_BYTES[form]) * pixels for form, pixels in drawn)
    file_bytes = os.fstat(file.fileno()).st_size
    estimated_mb = BESIDES_MB + math.ceil((DECODING_BYTES * largest + encoding + file_bytes) / MEGABYTE)
    if estimated_mb > (limit := limits["max_memory_mb"]):
        raise Refusal(
            "too_much_memory",
            f"Drawing the {frames:,} frames of the animation would take about {estimated_mb} MB of memory; the limit "
            f"is {limit} MB (SANDBOX_BUDGET_MB). Ask for smaller variants, for WebP instead of GIF, or leave "
            "'animated' out.",
            limit=limit,
        )
    return estimated_mb


def _decoded_pixels(name: str, picture: ImageFile, file: BinaryIO, frames: int) -> tuple[int, int]:
    """Return the pixels that are decoded for the largest frame, and for all frames."""
    canvas = math.prod(picture.size)
    if name != "gif":
        return canvas, canvas * frames
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:  # a frame may be larger than its canvas
        each = [max(canvas, math.prod(frame.size)) for frame in islice(gif_frames(data), frames)]
    return max(each), sum(each)
