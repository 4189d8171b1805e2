"""What a report is rendered from: the spec, where its files are, and the limits."""

from datetime import datetime

import msgspec

from tasks.report.spec.structs import ReportSpec


class RenderLimits(msgspec.Struct, frozen=True):
    """What a report may hold at most. The names are those of the settings."""

    max_report_rows: int
    max_report_cells: int
    max_cell_chars: int
    max_report_text_mb: int
    max_report_pages: int
    max_pixels: int
    max_side_px: int
    max_frames: int
    max_jpeg_scans: int
    max_scan_pixels: int
    sandbox_budget_mb: int

    @property
    def pictures(self) -> dict[str, int]:
        """Those that hold for pictures, as `tasks.thumbnail` takes them."""
        return {
            "max_pixels": self.max_pixels,
            "max_side_px": self.max_side_px,
            "max_frames": self.max_frames,
            "max_jpeg_scans": self.max_jpeg_scans,
            "max_scan_pixels": self.max_scan_pixels,
            "max_memory_mb": self.sandbox_budget_mb,
        }


class RenderJob(msgspec.Struct, frozen=True):
    """One report to render.

    Args:
        spec: What is asked for.
        datasets: Name of a dataset -> path of its file.
        images: `PictureRef.key` -> path of its file.
        limits: What it may hold at most.
        now: When it is made, with an offset.
    """

    spec: ReportSpec
    datasets: dict[str, str]
    images: dict[str, str]
    limits: RenderLimits
    now: datetime


class StoredFile(msgspec.Struct, frozen=True):
    """A `BlobRef` of a stored request."""

    sha256: str = msgspec.field(name="blob")


class StoredRequest(msgspec.Struct, frozen=True):
    """A stored `ReportRequest` whose spec is left as the JSON that it is: it goes to the sandbox unchanged.

    files: `PictureRef.key` or the upload of a dataset -> the file.
    """

    spec: msgspec.Raw
    files: dict[str, StoredFile]
