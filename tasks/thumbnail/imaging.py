"""Draws the variants of a picture file. Runs in a sandbox child, since the bytes are untrusted.

The steps of `render`: read the header, plan every variant, decode once (a JPEG is scaled down while it is decoded),
draw the variants from the largest to the smallest, turn each upright, convert its colours to sRGB, add background and
border, and encode it.
"""

from pathlib import Path
from typing import Any

from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from tasks.progress import Progress
from tasks.thumbnail.codecs.encoding import finished, save
from tasks.thumbnail.colour import ToSRGB, resampleable
from tasks.thumbnail.decoding import decode, open_picture, orientation_of, out_of_memory, upright
from tasks.thumbnail.formats import extension_of
from tasks.thumbnail.geometry import Plan, Size, plan
from tasks.thumbnail.memory import check_memory
from tasks.thumbnail.picture_file import PictureFile
from tasks.thumbnail.resampling import FINER, Pyramid
from tasks.thumbnail.signatures import type_of


def probe(path: str, variants: list[dict[str, Any]], limits: dict[str, int], *, report: Progress) -> dict[str, Any]:
    """Describe a picture file by its header; no pixel is decoded.

    Args:
        path: The picture file.
        variants: Dumps of `Variant`, each with a box.
        limits: max_pixels, max_side_px, max_frames and max_jpeg_scans, as in the settings; max_memory_mb, megabytes
            that `render` may take.
        report: Called once, when the header has been read.

    Returns:
        `format`, `type` (media type), `width` and `height` in pixels of the upright picture, `frames`, `mode`
        (Pillow's), `has_alpha`, `orientation` (EXIF, 1 to 8) and `memory_mb`, the megabytes that `render` is expected
        to take for these variants.

    Raises:
        Refusal: `unsupported_format`, `too_many_pixels`, `side_too_long`, `too_many_frames`, `too_many_scans`,
            `too_much_memory`, `truncated`, `corrupt` or `out_of_memory`.
    """
    try:
        with PictureFile(path) as source:
            name, picture, frames = open_picture(source, limits)
            orientation = orientation_of(picture)
            width, height = _turned(picture.size, orientation)
            plans = _plans(picture.size, orientation, variants)
            denominator = _scale_denominator(picture, plans)
            about = {
                "format": name,
                "type": type_of(name),
                "width": width,
                "height": height,
                "frames": frames,
                "mode": picture.mode,
                "has_alpha": picture.has_transparency_data,
                "orientation": orientation,
                "memory_mb": check_memory(
                    name, picture, Path(path).stat().st_size, denominator, plans, limits["max_memory_mb"]
                ),
            }
    except MemoryError as error:
        raise out_of_memory() from error
    report(1, 1, "read the header")
    return about


def render(
    path: str, folder: str, variants: list[dict[str, Any]], limits: dict[str, int], *, report: Progress
) -> list[dict[str, Any]]:
    """Draw every variant of a picture: all of them or, on any failure, none.

    Args:
        path: The picture file.
        folder: Where the files are written.
        variants: As for `probe`.
        limits: As for `probe`.
        report: Called after each variant.

    Returns:
        For each variant, in their order, `name`, `path`, `type`, `width` and `height` in pixels, and `bytes`.

    Raises:
        Refusal: As `probe`.
        OSError: `folder` cannot be written to.
    """
    written: list[Path] = []
    try:
        return _render(path, Path(folder), variants, limits, report=report, written=written)
    except BaseException as error:
        for file in written:
            file.unlink(missing_ok=True)
        if isinstance(error, MemoryError):
            raise out_of_memory() from error
        raise


def _render(
    path: str,
    folder: Path,
    variants: list[dict[str, Any]],
    limits: dict[str, int],
    *,
    report: Progress,
    written: list[Path],
) -> list[dict[str, Any]]:
    with PictureFile(path) as source:
        name, picture, _frames = open_picture(source, limits)
        size = picture.size
        orientation = orientation_of(picture)
        plans = _plans(size, orientation, variants)
        denominator = _scale_denominator(picture, plans)
        if denominator > 1:
            picture.draft(None, (size[0] // denominator, size[1] // denominator))
        decode(name, picture, source, limits)
    decoded = resampleable(picture)
    to_srgb = ToSRGB(picture.info.get("icc_profile"), decoded.mode)
    pyramid = Pyramid(decoded, size, denominator)
    del picture, decoded  # the pyramid frees its copies once they are not needed any more
    files: dict[int, dict[str, Any]] = {}
    for index in sorted(range(len(plans)), key=lambda index: -plans[index].scale):
        image = pyramid.drawn(plans[index].box, plans[index].size)
        image = to_srgb.convert(upright(image, orientation))
        image, written_as = finished(image, _turned(plans[index].canvas, orientation), variants[index])
        file = folder / f"{variants[index]['name']}.{extension_of(written_as)}"
        written.append(file)
        save(image, file, written_as, variants[index]["quality"])
        files[index] = {
            "name": variants[index]["name"],
            "path": str(file),
            "type": type_of(written_as),
            "width": image.width,
            "height": image.height,
            "bytes": file.stat().st_size,
        }
        report(len(files), len(plans), variants[index]["name"])
    return [files[index] for index in range(len(plans))]


def _plans(size: Size, orientation: int, variants: list[dict[str, Any]]) -> list[Plan]:
    """Plan in the pixels as stored: the picture is turned after it has been shrunk, which is cheaper."""
    boxes = variants
    if _turned((0, 1), orientation) == (1, 0):
        boxes = [variant | {"width": variant["height"], "height": variant["width"]} for variant in variants]
    return [plan(size, box) for box in boxes]


def _turned(size: Size, orientation: int) -> Size:
    return size if orientation < 5 else (size[1], size[0])


def _scale_denominator(picture: Image.Image, plans: list[Plan]) -> int:
    """How far a JPEG may be scaled down while it is decoded: 1, 2, 4 or 8, so that it stays FINER times as large as the
    largest variant."""
    if not isinstance(picture, JpegImageFile):
        return 1
    largest = max(plan.scale for plan in plans)
    return next((times for times in (8, 4, 2) if times * largest * FINER <= 1), 1)
