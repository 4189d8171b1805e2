"""What every block may ask while it is planned."""

from collections.abc import Sequence
from typing import Protocol

from tasks.report.formats.columns import ReportLocale
from tasks.report.layout.flow import Flow
from tasks.report.layout.theme import ReportTheme
from tasks.report.pictures.picture import Picture
from tasks.report.spec.structs import HeadingBlock, PictureRef, ReportBlock, TableBlock
from tasks.report.table.rows import Rows


class PlanContext(Protocol):
    """One report that is being planned.

    Attributes:
        locale: The language of the document.
        theme: Its colours, sizes and fonts.
        path: Where the block at hand is in the spec, such as `blocks.3`.
        narrowest_column: Points under which columns are not set side by side.
    """

    locale: ReportLocale
    theme: ReportTheme
    path: str
    narrowest_column: float

    def rows_of(self, block: TableBlock) -> Rows:
        """The rows of a table block (`tasks.report.data`), opened once: the other outputs read the same.

        Raises:
            Refusal: Its field is the path of what is wrong in the block.
        """
        ...

    def picture(self, source: PictureRef, field: str) -> Picture:
        """The picture that a block names.

        Args:
            source: The reference.
            field: Where in the block it stands.

        Raises:
            Refusal: It cannot be read; its field is the path of `field`.
        """
        ...

    def anchor_of(self, heading: HeadingBlock) -> str | None:
        """What links call a heading; of two with the same anchor only the first has it."""
        ...

    def is_known_link(self, link: str) -> bool:
        """Whether a link is worth making: a URL, or the anchor of a heading that exists."""
        ...

    def warn(self, code: str, message: str) -> None:
        """Record what could not be done as asked. The path of the block at hand is added."""
        ...

    def plan(self, blocks: Sequence[ReportBlock], flow: Flow, field: str) -> None:
        """Plan blocks that are inside the one at hand.

        Args:
            blocks: The blocks.
            flow: Where their boxes are placed.
            field: Where in the block at hand they stand, such as `columns.1`.
        """
        ...
