"""Opens and decodes untrusted picture files; what is wrong with one becomes a coded `Refusal`."""

import errno
import io
import os
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from PIL import ExifTags, Image
from PIL.ImageFile import ImageFile

from tasks.refusal import Refusal
from tasks.thumbnail.codecs.frames import count_frames
from tasks.thumbnail.codecs.jpeg_damage import jpeg_damage
from tasks.thumbnail.codecs.jpeg_scans import count_scans, scans_limit
from tasks.thumbnail.codecs.png_rows import check_rows_of
from tasks.thumbnail.codecs.truncated import DRAWN_IN_PART, completed, draw_part, padded_webp, painted_grey
from tasks.thumbnail.codecs.webp import WEBP_HEAD_BYTES
from tasks.thumbnail.colour.profiles import resampleable
from tasks.thumbnail.formats import PLUGINS
from tasks.thumbnail.memory import check_webp
from tasks.thumbnail.options.turning import UPRIGHT
from tasks.thumbnail.picture_file import PictureFile
from tasks.thumbnail.signatures import HEAD_BYTES, format_of

FRAMES_COUNTED = 100_000
"""Frames and pages after which counting stops: it takes 0.1 s."""
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def open_picture(source: PictureFile, limits: dict[str, int]) -> tuple[str, ImageFile, int]:
    """Read a picture's header and check it against the limits; no pixel is decoded.

    Args:
        source: The picture's file.
        limits: max_pixels, max_side_px, max_jpeg_scans and max_scan_pixels, as in the settings, and max_memory_mb;
            draw_truncated, 1 to draw what there is of a truncated file.

    Returns:
        The format (a key of PLUGINS), the picture, ready for `decode`, and its number of frames, FRAMES_COUNTED
        at most.

    Raises:
        Refusal: The file is damaged, of another format or over a limit.
    """
    name = format_of(source.read(HEAD_BYTES))
    draws_part = bool(limits.get("draw_truncated")) and name in DRAWN_IN_PART
    if (is_truncated := source.is_truncated(name)) and not draws_part:
        raise _truncated(name, limits)
    source.seek(0)
    if name == "webp":
        check_webp(source.read(WEBP_HEAD_BYTES), os.fstat(source.fileno()).st_size, limits)
        source.seek(0)
    source.ended = False
    try:
        with _pillow_limited(limits["max_pixels"]):
            picture = PLUGINS[name](io.BytesIO(padded_webp(source.read())) if is_truncated else source)
            _check_size(picture.size, limits)
            _check_palette(picture)
            frames = count_frames(picture, source, FRAMES_COUNTED)
            most_scans = scans_limit(picture.size, limits)
            scans = count_scans(source, most_scans) if name == "jpeg" else 1
    except Exception as error:  # untrusted bytes: a decoder may raise anything
        raise refusal_for(error, name, source, limits) from error
    if scans > most_scans:
        size = f"{picture.width} × {picture.height} pixels"
        message = f"A picture of {size} may have up to {most_scans:,} scans, and this one has more; save it with fewer."
        raise Refusal("too_many_scans", message, limit=most_scans)
    source.ended = False  # decoders read in blocks and ask for more bytes than there are
    return name, picture, frames


def decode(
    name: str, picture: ImageFile, source: PictureFile, limits: dict[str, int], *, draft: tuple[int, int] | None = None
) -> Image.Image:
    """Decode the first frame.

    Args:
        name: The format that `open_picture` returned.
        picture: The picture that it returned.
        source: The picture's file.
        limits: As for `open_picture`.
        draft: The size that a JPEG is scaled down to at most while it is decoded.

    Returns:
        The picture in a mode of `resampleable`.

    Raises:
        Refusal: The file is damaged or over a limit.
    """
    bits = _png_bits(source) if name == "png" else 0
    if source.is_truncated(name):  # a WebP of which `open_picture` has read the header
        if part := _part(name, source, limits, draft, bits):
            return part
        raise _truncated(name, limits)
    if name == "jpeg":
        _check_damage(source, limits)
        if source.damage == "truncated" and (part := _part(name, source, limits, draft, bits)):
            return part
    try:
        with _pillow_limited(limits["max_pixels"]):
            picture.draft(None, draft)
            picture.load()
        _check_size(picture.size, limits)
        if name == "png":
            check_rows_of(source)
            _scale_transparency(picture, bits)
        return resampleable(picture)
    except Exception as error:  # untrusted bytes: a decoder may raise anything
        source.ended = False
        refusal = refusal_for(error, name, source, limits)
        if isinstance(refusal, Refusal) and refusal.code == "truncated":
            if name == "jpeg" and (whole := completed(PLUGINS[name], source, draft)):
                return resampleable(whole)
            if limits.get("draw_truncated") and (part := _part(name, source, limits, draft, bits)):
                return part
        raise refusal from error


def _check_damage(source: PictureFile, limits: dict[str, int]) -> None:
    """Refuse a JPEG that is damaged within, unless what there is of it is to be drawn."""
    if source.damage is None:
        source.damage = jpeg_damage(str(source.name))
    if source.damage and not limits.get("draw_truncated"):
        raise _truncated("jpeg", limits) if source.damage == "truncated" else _corrupt("jpeg", limits)
    source.drawn_in_part = bool(source.damage)


def _part(
    name: str, source: PictureFile, limits: dict[str, int], draft: tuple[int, int] | None, bits: int
) -> Image.Image | None:
    """What there is of a truncated file, in a mode of `resampleable`."""
    if name not in DRAWN_IN_PART:
        return None
    with _pillow_limited(limits["max_pixels"]):
        part = draw_part(name, PLUGINS[name], source, draft)
    if part is None:
        return None
    _check_size(part.picture.size, limits)
    if name == "png":
        _scale_transparency(part.picture, bits)
    source.drawn_in_part = True
    if not source.damage or part.share < 1:  # else it is not known what of it is right
        source.drawn_share = part.share
    return painted_grey(resampleable(part.picture), part.missing)


def _png_bits(source: PictureFile) -> int:
    source.seek(24)
    return source.read(1)[0]


def _scale_transparency(picture: Image.Image, bits: int) -> None:
    """Bring the transparent colour of a PNG, which is stored with the file's bits, to those of the decoded pixels."""
    colour = picture.info.get("transparency")
    if bits in (2, 4) and picture.mode == "L" and isinstance(colour, int):
        picture.info["transparency"] = colour * 255 // (2**bits - 1)
    elif bits == 16 and picture.mode == "RGB" and isinstance(colour, tuple):
        picture.info["transparency"] = tuple(value >> 8 for value in colour)


def orientation_of(picture: ImageFile) -> int:
    """Read the EXIF orientation of a picture, which is where browsers look for it; they pass over that of XMP.

    Returns:
        1 to 8; UPRIGHT where there is none, where it is invalid, and for TIFF, which Pillow turns by itself.
    """
    if "exif" not in picture.info or picture.format == "TIFF":
        return UPRIGHT
    try:
        exif = Image.Exif()
        exif.load(picture.info["exif"])  # picture.getexif() would take the orientation from XMP too
        orientation = exif.get(ExifTags.Base.Orientation, UPRIGHT)
    except Exception:  # damaged metadata is no reason to refuse the picture it came with
        return UPRIGHT
    return int(orientation) if orientation in range(1, 9) else UPRIGHT


@contextmanager
def _pillow_limited(max_pixels: int) -> Iterator[None]:
    """Silence Pillow's warnings, and let its own size check (of WebP, before it allocates) use this limit."""
    before = Image.MAX_IMAGE_PIXELS
    Image.MAX_IMAGE_PIXELS = (max_pixels + 1) // 2  # Pillow warns from here on and raises above the double
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = before


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """Turn a picture upright.

    Args:
        image: The picture as it is stored.
        orientation: What `orientation_of` returned.
    """
    return image if orientation == UPRIGHT else image.transpose(_TURNS[orientation])


def _check_size(size: tuple[int, int], limits: dict[str, int]) -> None:
    width, height = size
    if width < 1 or height < 1:
        raise Refusal("corrupt", f"The picture's header says {width} × {height} pixels; send an undamaged file.")
    if width * height > (limit := limits["max_pixels"]):
        message = (
            f"The picture is {width} × {height} pixels, {width * height:,} in all; the limit is {limit:,} "
            "(MAX_PIXELS). Send a smaller one."
        )
        raise Refusal("too_many_pixels", message, limit=limit)
    if max(size) > (limit := limits["max_side_px"]):
        message = (
            f"The picture is {width} × {height} pixels; the limit for a side is {limit:,} (MAX_SIDE_PX). "
            "Send a smaller one."
        )
        raise Refusal("side_too_long", message, limit=limit)


def _check_palette(picture: ImageFile) -> None:
    if picture.mode == "P" and picture.palette is None:
        raise Refusal("corrupt", "The picture has no palette, which its colours refer to; send an undamaged file.")


def refusal_for(error: Exception, name: str, source: PictureFile, limits: dict[str, int]) -> Exception:
    """Return the exception to raise in place of a decoder's.

    Args:
        error: What the decoder raised.
        name: The format, a key of PLUGINS.
        source: The picture's file.
        limits: As for `open_picture`.
    """
    said = str(error)
    if isinstance(error, Image.DecompressionBombError):
        limit = limits["max_pixels"]
        message = f"The picture has more than {limit:,} pixels, which is the limit (MAX_PIXELS). Send a smaller one."
        return Refusal("too_many_pixels", message, limit=limit)
    if isinstance(error, MemoryError) or any(words in said.lower() for words in ("out of memory", "allocate memory")):
        return out_of_memory()
    # An error with a number is the disk's fault, not the file's, unless the file names a place that no file has.
    if isinstance(error, Refusal) or (isinstance(error, OSError) and error.errno not in (None, errno.EINVAL)):
        return error
    if said.startswith(("unknown pixel mode", "cannot handle 12-bit", "Unsupported BMP")):  # neither engine does
        return Refusal("unsupported_format", f"This kind of pixels in a {name} is not supported; save it as 8-bit RGB.")
    if source.ended or isinstance(error, EOFError) or "truncated" in said.lower():
        return _truncated(name, limits)
    return _corrupt(name, limits)


def _corrupt(name: str, limits: dict[str, int]) -> Refusal:
    message = f"The {name} file is damaged and cannot be decoded; send an undamaged file."
    if name == "jpeg" and limits.get("draw_truncated") == 0:
        message += " Or send truncated=draw to draw what there is."
    return Refusal("corrupt", message)


def _truncated(name: str, limits: dict[str, int]) -> Refusal:
    message = f"The {name} file ends before its picture does; upload it again."
    if name in DRAWN_IN_PART and limits.get("draw_truncated") == 0:
        message += " Or send truncated=draw to draw what there is."
    return Refusal("truncated", message)


@contextmanager
def failing_once(name: str) -> Iterator[None]:
    """Turn an error that no attempt would be spared into a refusal, and write it to the log.

    Args:
        name: The format of the picture that is drawn.

    Raises:
        Refusal: `drawing_failed`. Refusals, and errors of memory and disk, are raised as they are.
    """
    try:
        yield
    except (Refusal, MemoryError):
        raise
    except Exception as error:
        if isinstance(error, OSError) and (error.errno is not None or type(error) is not OSError):
            raise
        traceback.print_exc()  # in the sandbox the error output is the log
        message = f"The {name} file was decoded, but its variants could not be drawn; save it again in another program."
        raise Refusal("drawing_failed", message) from error


def out_of_memory() -> Refusal:
    """Return the refusal of a picture that needs more memory than a sandbox call may take."""
    return Refusal("out_of_memory", "The picture needs more memory than one sandbox call may take; send a smaller one.")
