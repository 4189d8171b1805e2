"""Draws animated variants: every frame is decoded once and drawn like a still picture, one after another."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL.ImageFile import ImageFile

from tasks.refusal import Refusal
from tasks.thumbnail.animation.composing import AnimationFrame
from tasks.thumbnail.animation.limits import animated_formats
from tasks.thumbnail.animation.reading import opened
from tasks.thumbnail.animation.writing import AnimationWriter, PillowGifWriter, VipsGifWriter, WebPWriter
from tasks.thumbnail.codecs.encoding import options_of
from tasks.thumbnail.codecs.frames import count_frames
from tasks.thumbnail.colour.described import profile_of
from tasks.thumbnail.colour.profiles import ToSRGB, resampleable
from tasks.thumbnail.decoding import FRAMES_COUNTED, refusal_for
from tasks.thumbnail.drawing import Drawing, described
from tasks.thumbnail.engines.pillow import PillowRaster
from tasks.thumbnail.formats import PLUGINS
from tasks.thumbnail.picture_file import PictureFile


def animate(
    drawing: Drawing,
    name: str,
    picture: ImageFile,
    source: PictureFile,
    count: int,
    limits: dict[str, int],
    *,
    with_vips: bool,
) -> list[dict[str, Any]]:
    """Draw every variant of a drawing as an animation.

    Args:
        drawing: Draws each frame.
        name: The picture's format, of `reading.ANIMATED`.
        picture: The picture, opened and not decoded.
        source: Its file.
        count: How many frames it has, and are read.
        limits: As for `open_picture`; with draw_truncated, the frames that a truncated file has are enough.
        with_vips: Whether libvips writes a GIF, with better colours than Pillow.

    Returns:
        As `Drawing.draw`, and for each file `frames`, `duration_ms` and `loops`, how often it is played: 0 is without
        end.

    Raises:
        Refusal: A frame is damaged.
    """
    formats = [(number, form) for number, variant in enumerate(drawing.variants) for form in animated_formats(variant)]
    writers: dict[tuple[int, str], AnimationWriter] = {}
    frames, duration_ms = 0, 0.0
    with opened(name, picture, source, count) as animation:
        for number, form in formats:
            variant = drawing.variants[number]
            path = drawing.new_file(variant, form)
            writers[number, form] = _writer(variant, form, path, animation.loops, with_vips=with_vips)
        for frame in _checked(animation.frames, name, source, count, limits):
            decoded = resampleable(frame.image)
            raster = PillowRaster(decoded, ToSRGB(profile_of(picture.info, decoded.mode), decoded.mode))
            for number, drawn in drawing.rasters(raster, 1):
                for form in animated_formats(drawing.variants[number]):
                    writers[number, form].add(drawn.pillow(), frame.duration_ms)
            frames += 1
            duration_ms += frame.duration_ms
            drawing.report(frames, count, "frames")
    if not frames:
        raise Refusal("corrupt", f"The {name} file has no frame, though it says so; send an undamaged file.")
    files = []
    for number, form in formats:
        writer = writers.pop((number, form))
        writer.close()
        about = {"frames": _frames_of(writer.path, form), "duration_ms": round(duration_ms), "loops": animation.loops}
        files.append(described(drawing.variants[number], writer.path, form, writer.size) | about)
    return files


def _frames_of(path: Path, form: str) -> int:
    """Count the frames of a file that was written, in which equal ones that follow each other have become one."""
    with path.open("rb") as file, PLUGINS[form](file) as written:
        return count_frames(written, file, FRAMES_COUNTED)


def _checked(
    frames: Iterator[AnimationFrame], name: str, source: PictureFile, count: int, limits: dict[str, int]
) -> Iterator[AnimationFrame]:
    """Pass on the frames; those that are whole, where the rest of a truncated file is to be passed over."""
    done = 0
    try:
        for frame in frames:
            yield frame
            done += 1
    except Exception as error:  # untrusted bytes: a decoder may raise anything
        refusal = refusal_for(error, name, source, limits)
        is_truncated = source.is_truncated(name) or (isinstance(refusal, Refusal) and refusal.code == "truncated")
        if not (done and is_truncated and limits.get("draw_truncated")):
            raise refusal from error
        source.drawn_in_part = True
        source.drawn_share = done / count


def _writer(variant: dict[str, Any], form: str, path: Path, loops: int, *, with_vips: bool) -> AnimationWriter:
    if form == "webp":
        return WebPWriter(path, loops, options_of("webp", variant))
    return VipsGifWriter(path, loops) if with_vips else PillowGifWriter(path, loops)
