"""Draws and writes every variant of a picture that an engine has decoded."""

from pathlib import Path
from typing import Any

from tasks.progress import Progress
from tasks.thumbnail.codecs.encoding import encodable, finished, formats_of, options_of
from tasks.thumbnail.engines.raster import Raster
from tasks.thumbnail.formats import extension_of
from tasks.thumbnail.options.attention import Attention, preview
from tasks.thumbnail.options.byte_limit import fit_bytes
from tasks.thumbnail.planning import Planning
from tasks.thumbnail.pyramid import Pyramid, in_order
from tasks.thumbnail.signatures import type_of


class Drawing:
    """The files of one picture.

    Args:
        folder: Where they are written.
        planning: What is drawn.
        report: Called after each variant.
    """

    def __init__(self, folder: Path, planning: Planning, report: Progress) -> None:
        self._folder = folder
        self._planning = planning
        self._report = report
        self._paths: list[Path] = []

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
        planning = self._planning
        plans = planning.plans
        if planning.wants_attention:
            plans = planning.plans_with(Attention(preview(decoded, planning.orientation)))
        pyramids: dict[str, Pyramid] = {}
        for space in {variant["resize"] for variant in planning.variants}:
            pyramids[space] = Pyramid(decoded.linear() if space == "linear" else decoded, planning.size, denominator)
        del decoded  # the pyramids let go of their copies once they are not needed any more
        files: dict[int, list[dict[str, Any]]] = {}
        for number in in_order(plans):
            variant, plan = planning.variants[number], plans[number]
            raster = pyramids[variant["resize"]].drawn(plan).srgb().upright(plan.orientation)
            files[number] = self._write(raster, plan.canvas, variant)
            self._report(len(files), len(plans), variant["name"])
        return [file for number in range(len(files)) for file in files[number]]

    def remove(self) -> None:
        """Remove the files that were written."""
        for path in self._paths:
            path.unlink(missing_ok=True)
        self._paths.clear()

    def _write(self, raster: Raster, canvas: tuple[int, int], variant: dict[str, Any]) -> list[dict[str, Any]]:
        raster = finished(raster, canvas, variant)
        return [self._encode(raster, name, variant) for name in formats_of(raster, variant)]

    def _encode(self, raster: Raster, name: str, variant: dict[str, Any]) -> dict[str, Any]:
        path = self._folder / f"{variant['name']}.{extension_of(name)}"
        self._paths.append(path)
        raster, options = encodable(raster, name, variant), options_of(name, variant)

        def encode(quality: int | None) -> int:
            raster.save(path, name, options | ({"quality": quality} if quality else {}))
            return path.stat().st_size

        about: dict[str, Any] = {}
        if variant["max_bytes"]:
            fitted = fit_bytes(encode, options["quality"], variant["max_bytes"])
            about = {"quality": fitted.quality, "max_bytes_met": fitted.fits}
        else:
            encode(None)
        width, height = raster.size
        return {
            "name": variant["name"],
            "path": str(path),
            "type": type_of(name),
            "width": width,
            "height": height,
            "bytes": path.stat().st_size,
        } | about
