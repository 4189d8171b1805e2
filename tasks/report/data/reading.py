"""What every source of a report is read with."""

from collections.abc import Callable
from dataclasses import dataclass

from babel import Locale

Warn = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Reading:
    """What is common to the sources of a report.

    Attributes:
        folder: For what is better kept on disk than in memory.
        locale: Of the report: numbers and dates of a workbook are shown in its way.
        warn: Called with a code and a message.
    """

    folder: str
    locale: Locale
    warn: Warn

    @property
    def lang(self) -> str:
        """The language, such as `de` or `zh_Hant`."""
        return str(self.locale)
