"""Draws the variants of a picture file. Runs in a sandbox child, since the bytes are untrusted.

The steps of `render`: read the header, plan every variant, decode once (scaled down, where the format can), draw the
variants from the largest to the smallest, convert each to sRGB, turn it upright, add background and border, and encode
it. libvips does it where it reads the format; Pillow does it for the other formats, and for files that libvips refuses.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from PIL.ImageFile import ImageFile

from tasks.admission import Admit, admit_all
from tasks.progress import Progress
from tasks.thumbnail.animation.animating import animate
from tasks.thumbnail.animation.limits import animated_variants, check_animation
from tasks.thumbnail.codecs.gain_map import has_gain_map
from tasks.thumbnail.codecs.jpeg_damage import damage_in, is_harmless
from tasks.thumbnail.codecs.truncated import JPEG_END
from tasks.thumbnail.colour.described import profile_of
from tasks.thumbnail.colour.profiles import ToSRGB
from tasks.thumbnail.cost import check_output, check_sides
from tasks.thumbnail.decoding import decode, failing_once, open_picture, out_of_memory
from tasks.thumbnail.drawing import Drawing
from tasks.thumbnail.engines.pillow import PillowRaster
from tasks.thumbnail.memory import check_memory, drawn_bytes
from tasks.thumbnail.options.marks import marks_memory_mb, with_marks
from tasks.thumbnail.options.regions import check_crops
from tasks.thumbnail.picture_file import PictureFile
from tasks.thumbnail.planning import Planning
from tasks.thumbnail.signatures import type_of
from tasks.thumbnail.summary.exif import exif_of

try:
    import pyvips

    from tasks.thumbnail.engines import vips
    from tasks.thumbnail.engines.vips_memory import check_vips_memory
except (ImportError, OSError) as _error:  # not every system has a wheel of libvips
    NO_VIPS: Exception | None = _error
else:
    NO_VIPS = None

_STRICT = ("warning", "truncated")
"""What libvips fails on in a JPEG, first and after a warning that no pixel is lost by; in other formats the second."""


def render(
    path: str,
    folder: str,
    variants: list[dict[str, Any]],
    limits: dict[str, int],
    engine: str = "auto",
    threads: int = 1,
    exif: Sequence[str] = (),
    *,
    report: Progress,
    admit: Admit = admit_all,
    cores: int = 1,
) -> dict[str, Any]:
    """Draw every variant of a picture: all of them or, on any failure, none.

    Args:
        path: The picture file.
        folder: Where the files are written.
        variants: Dumps of `Variant`.
        limits: The settings that limit pictures, by their names in lower case; max_memory_mb, megabytes that it may
            take.
        engine: IMAGE_ENGINE: `auto`, `vips` or `pillow`.
        threads: IMAGE_THREADS, those that libvips draws with.
        exif: The fields of `exif_fields.EXIF_FIELDS` that are asked for.
        report: Called after each variant.
        admit: Called with the megabytes that are needed, once the header has been read.
        cores: With more than one, the files are encoded side by side.

    Returns:
        `picture`, as `opened` describes it, with its `summary` (a packed `PictureSummary`) and, if it is asked for,
        `exif`; and `files`: for each variant, in their order, `name`, `path`, `type`, `width` and `height` in pixels,
        and `bytes`.

    Raises:
        Refusal: The picture cannot be used, see `opened`.
        OSError: `folder` cannot be written to.
        RuntimeError: `engine` is `vips`, and there is no libvips.
    """
    if engine == "vips" and NO_VIPS:
        raise RuntimeError(f"IMAGE_ENGINE is vips, but libvips cannot be loaded ({NO_VIPS}); set it to auto.")
    drawings: list[Drawing] = []
    files: list[dict[str, Any]] = []
    try:
        with_vips = engine != "pillow" and not NO_VIPS
        with opened(path, variants, limits, with_vips=with_vips) as found:
            about = found.about | ({"exif": exif_of(found.picture, exif)} if exif else {})
            if has_gain_map(found.name, found.source):
                about["gain_map"] = True
            found.source.ended = False  # damaged metadata says nothing about the picture
            admit(found.memory_mb)
            variants = with_marks(variants, limits)
            name, picture, frames = found.name, found.picture, found.frames
            animated = animated_variants(name, frames, variants)
            if animated:
                drawings.append(Drawing(Path(folder), Planning(picture, animated), report))
                with failing_once(name):
                    files += animate(drawings[-1], name, picture, found.source, frames, limits, with_vips=with_vips)
            if still := [variant for variant in variants if variant not in animated]:
                planning = Planning(picture, still)
                drawings.append(Drawing(Path(folder), planning, report, cores))
                with failing_once(name):
                    files += _draw(found, planning, drawings[-1], limits, threads if with_vips else 0, admit)
            if found.source.drawn_in_part:
                about["truncated"] = True
                if found.source.drawn_share is not None:
                    about["drawn_share"] = round(found.source.drawn_share, 3)
            order = [variant["name"] for variant in Planning(picture, variants).variants]
            files.sort(key=lambda file: order.index(file["name"]))
            return {"picture": about | {"summary": drawings[-1].summary}, "files": files}
    except BaseException as error:
        for drawing in drawings:
            drawing.remove()
        if isinstance(error, MemoryError):
            raise out_of_memory() from error
        raise


class Opened(NamedTuple):
    """A picture whose header has been read; no pixel is decoded.

    Attributes:
        source: Its file.
        name: Its format, a key of `formats.PLUGINS`.
        picture: What Pillow made of it.
        frames: How many it has.
        about: `format`, `type` (media type), `width` and `height` in pixels of the upright picture, `frames`, `mode`
            (Pillow's), `has_alpha` and `orientation` (EXIF, 1 to 8).
        memory_mb: Megabytes that drawing it is expected to take.
    """

    source: PictureFile
    name: str
    picture: ImageFile
    frames: int
    about: dict[str, Any]
    memory_mb: int


@contextmanager
def opened(
    path: str, variants: list[dict[str, Any]], limits: dict[str, int], *, with_vips: bool = False
) -> Iterator[Opened]:
    """Read a picture's header, and check it against the limits. Arguments are those of `render`.

    Args:
        with_vips: Whether libvips draws it, if it reads the format.

    Raises:
        Refusal: `unsupported_format`, `too_many_pixels`, `side_too_long`, `too_many_frames`, `too_many_scans`,
            `too_much_memory`, `truncated`, `corrupt` or `out_of_memory`.
    """
    with PictureFile(path) as source:
        name, picture, frames = open_picture(source, limits)
        planning = Planning(picture, variants)
        width, height = planning.turned(planning.size)
        check_crops(variants, (width, height))
        about = {
            "format": name,
            "type": type_of(name),
            "width": width,
            "height": height,
            "frames": frames,
            "mode": picture.mode,
            "has_alpha": picture.has_transparency_data,
            "orientation": planning.orientation,
        }
        check_output(planning.plans, planning.variants, limits)
        may_be_webp = picture.has_transparency_data or animated_variants(name, frames, variants)
        check_sides(planning.plans, planning.variants, "webp" if may_be_webp else "jpeg")
        memory_mb = check_animation(name, picture, source, frames, variants, limits)
        if with_vips and name in vips.LOADERS:
            still_mb = check_vips_memory(name, picture, Path(path).stat().st_size, planning, limits["max_memory_mb"])
        else:
            still_mb = _pillow_mb(name, picture, source, planning, limits)
        memory_mb = marks_memory_mb(variants, limits) + max(memory_mb, still_mb)
        yield Opened(source, name, picture, frames, about, memory_mb)


def _pillow_mb(name: str, picture: ImageFile, source: PictureFile, planning: Planning, limits: dict[str, int]) -> int:
    return check_memory(
        name,
        picture,
        os.fstat(source.fileno()).st_size,
        planning.pillow_denominator,
        drawn_bytes(planning.plans, planning.variants, has_alpha=picture.has_transparency_data),
        limits["max_memory_mb"],
        linear=any(variant["resize"] == "linear" for variant in planning.variants),
        in_part=bool(limits.get("draw_truncated")) or (name == "jpeg" and not source.ends_with(JPEG_END)),
    )


def _draw(
    found: Opened, planning: Planning, drawing: Drawing, limits: dict[str, int], threads: int, admit: Admit
) -> list[dict[str, Any]]:
    """Draw still variants; with libvips, in so many threads, unless they are 0."""
    if threads and found.name in vips.LOADERS:
        pyvips.concurrency_set(threads)
        for fail_on in _STRICT if found.name == "jpeg" else _STRICT[1:]:
            try:
                return _by_vips(found, planning, drawing, fail_on)
            except pyvips.Error as error:  # Pillow draws it, or says what is wrong with it
                drawing.remove()
                if found.name == "jpeg":
                    found.source.damage = damage_in(str(error))
                if not is_harmless(str(error)):
                    break
        needed_mb = _pillow_mb(found.name, found.picture, found.source, planning, limits)
        admit(max(found.memory_mb, needed_mb + marks_memory_mb(planning.requested, limits)))
    return _by_pillow(found, planning, drawing, limits)


def _by_vips(found: Opened, planning: Planning, drawing: Drawing, fail_on: str) -> list[dict[str, Any]]:
    denominator = planning.denominator if found.name in vips.SCALED else 1
    path, info = Path(str(found.source.name)), found.picture.info
    decoded = vips.decode(path, found.name, denominator, info, once=planning.reads == 1, fail_on=fail_on)
    return drawing.draw(decoded, denominator)


def _by_pillow(found: Opened, planning: Planning, drawing: Drawing, limits: dict[str, int]) -> list[dict[str, Any]]:
    denominator = planning.pillow_denominator
    width, height = planning.size
    draft = (width // denominator, height // denominator) if denominator > 1 else None
    decoded = decode(found.name, found.picture, found.source, limits, draft=draft)
    to_srgb = ToSRGB(profile_of(found.picture.info, decoded.mode), decoded.mode)
    return drawing.draw(PillowRaster(decoded, to_srgb), denominator)
