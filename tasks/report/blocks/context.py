"""What every block may ask while it is planned."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from tasks.report.layout.theme import ReportTheme
from tasks.report.pictures.picture import Picture

if TYPE_CHECKING:
    from tasks.report.layout.flow import Flow

Block = dict[str, Any]
"""The dump of a block's model in `tasks.report.spec`, with all its fields."""


class PlanContext(Protocol):
    """One report in the making.

    document: the spec's. limits: by the names of the settings. path: where the block at hand is in the spec
    (`blocks.3`). narrowest_column: points under which columns are not set side by side.
    """

    document: dict[str, Any]
    limits: dict[str, int]
    theme: ReportTheme
    path: str
    narrowest_column: float

    def rows_of(self, block: Block) -> Any:
        """The rows of a table block (`tasks.report.data`), opened once: the other outputs read the same.

        Raises: `Refusal` whose field is the path of what is wrong in the block.
        """
        ...

    def picture(self, source: dict[str, Any], field: str) -> Picture:
        """The picture of a `FileRef`. field: where in the block it is named. Raises: `Refusal` with it."""
        ...

    def anchor_of(self, heading: Block) -> str | None:
        """What links call a heading; of two with the same anchor only the first has it."""
        ...

    def is_known_link(self, link: str) -> bool:
        """Whether a link is worth making: a URL, or the anchor of a heading that exists."""
        ...

    def warn(self, code: str, message: str) -> None:
        """Say what could not be done as asked; the block at hand is named by itself."""
        ...

    def plan(self, blocks: list[Block], flow: "Flow", field: str) -> None:
        """Plan blocks that are inside the one at hand. field: where in it they are, such as `columns.1`."""
        ...


Plan = Callable[[Block, "Flow", PlanContext], None]
"""Places a block's boxes. Raises: `Refusal`."""
