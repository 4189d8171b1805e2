"""How alike a drawn picture is to what a careful and slow resizer makes of the original: SSIMULACRA2.

There are two references, since experts do not agree: the original is decoded as a whole and resampled once, in floating
point, in linear light or in stored numbers.
"""

from io import BytesIO
from pathlib import Path
from typing import Any

import pyvips
from PIL import Image, ImageCms, ImageOps
from ssimulacra2 import compute_ssimulacra2


class Original:
    """A picture and its references.

    Args:
        path: Its file.
        folder: Where references are written.
    """

    def __init__(self, path: Path, folder: Path) -> None:
        self._folder = folder
        with Image.open(path) as opened:
            picture = ImageOps.exif_transpose(opened)
            profile = opened.info.get("icc_profile")
        pixels = _over_white(picture)
        if profile and picture.mode == "RGB":
            pixels = ImageCms.profileToProfile(pixels, BytesIO(profile), ImageCms.createProfile("sRGB")) or pixels
        self._pixels = pyvips.Image.new_from_memory(pixels.tobytes(), *pixels.size, 3, "uchar").copy(
            interpretation="srgb"
        )

    def score(self, drawn: Path, space: str) -> float:
        """Compare a drawn file with the reference of its size.

        Args:
            drawn: A file.
            space: A key of `summary.SPACES`.

        Returns:
            100 for the same pixels; 30 is low and 70 high quality.
        """
        with Image.open(drawn) as picture:
            flat = _over_white(picture)
        mine = self._folder / "drawn.png"
        flat.save(mine, compress_level=0)
        return float(compute_ssimulacra2(str(self._reference(flat.size, space)), str(mine)))

    def _reference(self, size: tuple[int, int], space: str) -> Path:
        path = self._folder / f"{space}-{size[0]}-{size[1]}.png"
        if not path.exists():
            pixels = self._pixels.colourspace("scrgb") if space == "linear" else self._pixels.cast("float")
            pixels = pixels.resize(size[0] / pixels.width, vscale=size[1] / pixels.height, kernel="lanczos3")
            pixels = pixels.colourspace("srgb") if space == "linear" else (pixels + 0.5).cast("uchar")
            Image.frombytes("RGB", size, pixels.write_to_memory()).save(path, compress_level=0)
        return path


def _over_white(picture: Image.Image) -> Image.Image:
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    rgba = picture.convert("RGBA")
    white: Any = Image.new("RGBA", rgba.size, "white")
    white.alpha_composite(rgba)
    flat: Image.Image = white.convert("RGB")
    return flat
