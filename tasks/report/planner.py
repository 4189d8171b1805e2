"""Plans all blocks of a report, and is the `Context` that they ask."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from tasks.refusal import Refusal
from tasks.report.block_planners import plan_block
from tasks.report.data.rows import TableRows
from tasks.report.fonts.face import faces
from tasks.report.formats.columns import ReportLocale
from tasks.report.layout.flow import Destination, Flow
from tasks.report.layout.theme import ReportTheme
from tasks.report.pictures.picture import Picture
from tasks.report.render_job import RenderJob
from tasks.report.report_warnings import ReportWarnings, WarningPlace
from tasks.report.spec.structs import HeadingBlock, PictureRef, ReportBlock, TableBlock, all_blocks

_NARROWEST_COLUMN_PT: Final = 72.0

Warn = Callable[[str, str], None]


class OpenTable(NamedTuple):
    """A table that was met: the path of its block, the block, and its rows."""

    path: str
    block: TableBlock
    rows: TableRows


class Planner:
    """Plans the blocks of one report; it is the `PlanContext` of each.

    Args:
        job: The report.
        report_locale: Its language.
        open_rows: Opens the rows of a table; called once per table.

    Attributes:
        tables: Every table that was met, in their order.
        warnings: What could not be done as asked.
    """

    narrowest_column = _NARROWEST_COLUMN_PT

    def __init__(
        self, job: RenderJob, report_locale: ReportLocale, open_rows: Callable[[TableBlock, Warn], TableRows]
    ) -> None:
        self.locale = report_locale
        self.warnings = ReportWarnings()
        self.theme = ReportTheme(job.spec.document.theme, faces(job.spec.document.lang, self.warnings.add_missing))
        self.path = ""
        self.tables: list[OpenTable] = []
        self._job = job
        self._open_rows = open_rows
        self._start: Destination | None = None  # of the block at hand
        self._rows: dict[int, TableRows] = {}
        self._pictures: dict[str, Picture] = {}
        self._refusal: Refusal | None = None
        self._anchors: dict[str, int] = {}  # the heading that has it
        for _, block in all_blocks(job.spec.blocks):
            if isinstance(block, HeadingBlock) and block.anchor:
                self._anchors.setdefault(block.anchor, id(block))

    def plan(self, blocks: Sequence[ReportBlock], flow: Flow, field: str) -> None:
        """Plan `blocks`, which stand in the block at hand under `field`."""
        outer, start = self.path, self._start
        place = f"{outer}.{field}" if outer else field
        for number, block in enumerate(blocks):
            self.path = f"{place}.{number}"
            self._start = Destination()
            flow.mark(self._start)
            try:
                plan_block(block, flow, self)
            except Refusal as refusal:
                raise self._naming(refusal) from refusal
        self.path, self._start = outer, start

    def open_tables(self) -> None:
        """Read the data of every table and plan nothing: all that outputs other than a PDF need."""
        for place, block in all_blocks(self._job.spec.blocks):
            if isinstance(block, TableBlock):
                self.path = place
                try:
                    self.rows_of(block)
                except Refusal as refusal:
                    raise self._naming(refusal) from refusal

    def rows_of(self, block: TableBlock) -> TableRows:
        """The rows of a table, opened when first asked for."""
        rows = self._rows.get(id(block))
        if rows is None:
            rows = self._rows[id(block)] = self._open_rows(block, self.warn)
            self.tables.append(OpenTable(self.path, block, rows))
        return rows

    def picture(self, source: PictureRef, field: str) -> Picture:
        """The picture of a `FileRef`, measured once however often it is used."""
        key = source.key
        picture = self._pictures.get(key)
        if picture is None:
            path = Path(self._job.images[key])
            place = f"{self.path}.{field}" if self.path else field
            picture = self._pictures[key] = Picture(path, self._job.limits.pictures, place)
        return picture

    def anchor_of(self, heading: HeadingBlock) -> str | None:
        """What links call a heading; a warning tells of a second one with the same anchor."""
        anchor = heading.anchor
        if anchor is None or self._anchors[anchor] == id(heading):
            return anchor
        self.warn("duplicate_anchor", f"An earlier heading has the anchor {anchor!r} too; links lead to that one.")
        return None

    def is_known_link(self, link: str) -> bool:
        """Whether it is a URL, or the anchor of a heading; a warning tells of one that is neither."""
        if not link.startswith("#") or link[1:] in self._anchors:
            return True
        self.warn("unknown_anchor", f"No heading has the anchor {link[1:]!r}; the text is no link.")
        return False

    def warn(self, code: str, message: str) -> None:
        """Take note of a warning about the block at hand."""
        self.warnings.add(code, message, self.path, WarningPlace(self._start))

    def _naming(self, refusal: Refusal) -> Refusal:
        """The refusal with the path of the block at hand before its field; only once, however deep the block is."""
        if refusal is not self._refusal:
            field = refusal.field or ""
            if not field.startswith((self.path, "document.")):
                field = f"{self.path}.{field}" if field else self.path
            self._refusal = Refusal(refusal.code, refusal.message, field=field, limit=refusal.limit)
        return self._refusal
