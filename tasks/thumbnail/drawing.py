"""Draws and writes every variant of a picture that an engine has decoded."""

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from tasks.progress import Progress
from tasks.thumbnail.codecs.encoding import encodable, finished, formats_of, options_of
from tasks.thumbnail.engines.raster import Raster
from tasks.thumbnail.formats import extension_of
from tasks.thumbnail.geometry import Plan, Size
from tasks.thumbnail.options.attention import Attention, preview
from tasks.thumbnail.options.byte_limit import fit_bytes
from tasks.thumbnail.planning import Planning
from tasks.thumbnail.pyramid import Pyramid, in_order
from tasks.thumbnail.signatures import type_of
from tasks.thumbnail.summary.colours import dominant_colour
from tasks.thumbnail.summary.summarising import summarised

BESIDE_PX = 400_000
"""Pixels of all pictures but the largest up to which they are encoded side by side: what their encoders take then is no
more than DRAWING_MB, which is estimated for every picture."""


class Drawing:
    """The files of one picture, and its summary.

    Attributes:
        summary: A packed `PictureSummary`, once it is drawn.

    Args:
        folder: Where they are written.
        planning: What is drawn.
        report: Called after each variant.
        cores: How many may be used. With more than one, files are encoded while others are drawn, if they are small.
    """

    def __init__(self, folder: Path, planning: Planning, report: Progress, cores: int = 1) -> None:
        self._folder = folder
        self._planning = planning
        self.report = report
        self._paths: list[Path] = []
        self._plans = planning.plans
        self._cores = cores if _beside_px(planning.plans) <= BESIDE_PX else 1
        self.summary = ""
        self._backgrounds: dict[int, str] = {}

    @property
    def variants(self) -> list[dict[str, Any]]:
        """What is drawn."""
        return self._planning.variants

    def draw(self, decoded: Raster, denominator: int) -> list[dict[str, Any]]:
        """Draw every variant.

        Args:
            decoded: The picture.
            denominator: How far it is scaled down.

        Returns:
            For each file, in the order of the variants, `name`, `path`, `type`, `width` and `height` in pixels, and
            `bytes`; with `max_bytes` also `quality`, and `max_bytes_met`, whether the file has no more bytes.

        Raises:
            Exception: What the engine raises; the files that were written are left to `remove`.
        """
        in_p3 = decoded.display_p3() if any(variant["colour"] == "p3" for variant in self.variants) else None
        variants = self.variants if in_p3 else _in_srgb(self.variants)
        rasters = self.rasters(decoded, denominator, in_p3)
        del decoded, in_p3  # the pyramids let go of their copies once they are not needed any more
        if self._cores > 1:
            with ThreadPoolExecutor(self._cores) as pool:  # on a failure it waits until no file is written any more
                work = {number: pool.submit(self._encode, raster, variants[number]) for number, raster in rasters}
                files = {number: self._reported(work[number].result(), done) for done, number in enumerate(work, 1)}
        else:
            drawn = enumerate(rasters, 1)
            files = {
                number: self._reported(self._encode(raster, variants[number]), done) for done, (number, raster) in drawn
            }
        return [file for number in range(len(files)) for file in files[number]]

    def _reported(self, files: list[dict[str, Any]], done: int) -> list[dict[str, Any]]:
        self.report(done, len(self.variants), files[0]["name"])
        return files

    def rasters(self, decoded: Raster, denominator: int, in_p3: Raster | None = None) -> Iterator[tuple[int, Raster]]:
        """Draw the picture of every variant, the largest scale first.

        Args:
            decoded: As for `draw`.
            denominator: As for `draw`.
            in_p3: The picture whose colours become Display P3, for variants that ask for it; without it, sRGB is
                what they get.

        Yields:
            The number of a variant, and its picture.
        """
        planning = self._planning
        if planning.wants_attention and self._plans is planning.plans:  # all frames of an animation keep one region
            self._plans = planning.plans_with(Attention(preview(decoded, planning.orientation)))
        variants = self.variants if in_p3 else _in_srgb(self.variants)
        spaces = [(variant["resize"], variant["colour"]) for variant in variants]
        overviews = [] if self.summary else planning.overviews
        spaces += [planning.overview_space] * len(overviews)
        pyramids: dict[tuple[str, str], Pyramid] = {}
        for resize, colour in set(spaces):
            start = in_p3 if in_p3 and colour == "p3" else decoded
            start = start.linear() if resize == "linear" else start
            pyramids[resize, colour] = Pyramid(start, planning.size, denominator)
        del decoded, in_p3, start
        plans = [*self._plans, *overviews]
        for number in in_order(plans):
            plan = plans[number]
            raster = pyramids[spaces[number]].drawn(plan).srgb()
            if number == planning.overview and not self.summary:  # of the first frame
                self.summary = summarised(raster.pillow(), planning.orientation).packed()
            if number < len(variants):
                raster = raster.upright(plan.orientation)
                yield number, finished(raster, plan.canvas, self._settled(number, variants[number], raster))

    def new_file(self, variant: dict[str, Any], name: str) -> Path:
        """Return the path of the file of a variant in this format, which `remove` will remove."""
        path = self._folder / f"{variant['name']}.{extension_of(name)}"
        self._paths.append(path)
        return path

    def remove(self) -> None:
        """Remove the files that were written."""
        for path in self._paths:
            path.unlink(missing_ok=True)
        self._paths.clear()

    def _settled(self, number: int, variant: dict[str, Any], raster: Raster) -> dict[str, Any]:
        """Return a variant with the background of the first frame, so that all frames of an animation have one."""
        if variant["fit"] != "pad" or variant["background"] != "auto":
            return variant
        if number not in self._backgrounds:
            self._backgrounds[number] = dominant_colour(raster)
        return variant | {"background": self._backgrounds[number]}

    def _encode(self, raster: Raster, variant: dict[str, Any]) -> list[dict[str, Any]]:
        def save(picture: Raster, path: Path, name: str, options: dict[str, Any], quality: int | None = None) -> int:
            picture.save(path, name, options | ({"quality": quality} if quality else {}))
            return path.stat().st_size

        files = []
        for name in formats_of(raster, variant):
            path, options = self.new_file(variant, name), options_of(name, variant)
            picture, about = encodable(raster, name, variant), {}
            encode = partial(save, picture, path, name, options)
            if variant["max_bytes"]:
                fitted = fit_bytes(encode, int(options["quality"]), variant["max_bytes"])
                about = {"quality": fitted.quality, "max_bytes_met": fitted.fits}
            else:
                encode()
            files.append(described(variant, path, name, picture.size) | about)
        return files


def _beside_px(plans: Sequence[Plan]) -> int:
    drawn = [math.prod(plan.canvas) for plan in plans]
    return sum(drawn) - max(drawn)


def _in_srgb(variants: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [variant | {"colour": "srgb"} for variant in variants]


def described(variant: dict[str, Any], path: Path, name: str, size: Size) -> dict[str, Any]:
    """Describe a file that has been written, as `Drawing.draw` returns it."""
    return {
        "name": variant["name"],
        "path": str(path),
        "type": type_of(name),
        "width": size[0],
        "height": size[1],
        "bytes": path.stat().st_size,
    }
