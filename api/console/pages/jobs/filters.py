"""The filter of the list of jobs, as its URL has it: the API's criteria, and times such as `1h`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, Self
from urllib.parse import parse_qsl

from api.console.calls import query_text, with_query
from tasks import clock

LIST: Final = "/console/jobs"
STATES: Final = ("failed", "running", "queued", "scheduled", "retrying", "succeeded", "cancelled")
"""In the order of the tabs: what needs someone comes first."""
MAIN: Final = ("q", "kind", "queue")
MORE: Final = ("tag", "code", "worker", "endpoint", "batch", "schedule", "since", "until")
"""The criteria that are folded away until one is used."""
EVERYONE: Final = "*"
TIMES: Final = ("since", "until")
AGO: Final = re.compile(r"(\d{1,4})\s*(m|h|d)", re.ASCII)
UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
LIST_CHARS: Final = 300
"""Of a list's query in the URL of each of its jobs."""
WITHOUT_SECONDS_CHARS: Final = 16
"""Of `2026-11-20T08:00`, which people write, and the API does not read."""


@dataclass(frozen=True, slots=True)
class JobFilterForm:
    """The criteria that are given.

    Attributes:
        given: Name → what was written; without those that are empty.
    """

    given: Mapping[str, str]

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> Self:
        """The criteria among the fields of a query or form."""
        names = ("state", "owner", *MAIN, *MORE)
        return cls({name: fields[name].strip() for name in names if fields.get(name, "").strip()})

    def for_admin(self) -> Self:
        """The same of all owners, if none is given: admins see with everyone's what their overview counts."""
        return type(self)({"owner": EVERYONE, **self.given})

    @property
    def chosen(self) -> Mapping[str, str]:
        """The criteria but everyone as the owner, with which the list begins for admins."""
        return {name: text for name, text in self.given.items() if (name, text) != ("owner", EVERYONE)}

    @property
    def criteria(self) -> dict[str, Any]:
        """What the API is asked for."""
        read: dict[str, Any] = dict(self.given)
        for name in TIMES:
            if name in read:
                read[name] = _time(read[name])
        if "tag" in read:
            read["tag"] = re.split(r"[\s,]+", read["tag"])
        return read

    @property
    def fixed(self) -> Self:
        """The same with times that stay, instead of `1h` before now."""
        return type(self)({**self.given, **{name: _time(self.given[name]) for name in TIMES if name in self.given}})

    @classmethod
    def of_text(cls, text: str) -> Self:
        """The criteria in the query of a list, as `text` has it."""
        return cls.of(dict(parse_qsl(text)) if len(text) <= LIST_CHARS else {})

    @property
    def text(self) -> str:
        """The query of the list, by which a page leads back to it; empty if it is too long for each line of a list."""
        text = query_text(self.given)
        return text if len(text) <= LIST_CHARS else ""

    @property
    def narrows(self) -> bool:
        """Whether any of the owner's jobs are left out."""
        return bool(self.given.keys() - {"owner"})

    @property
    def more(self) -> bool:
        """Whether a criterion is given that is folded away otherwise."""
        return any(name in self.given for name in MORE)

    def body(self, **options: Any) -> dict[str, Any]:
        """The body of a bulk action."""
        return {**self.criteria, **({} if self.narrows else {"all": True}), **options}

    def url(self, path: str = LIST, **changes: str | None) -> str:
        """A page with these criteria in its URL; changes: those that differ there, None for one that goes."""
        text = query_text({**self.given, **changes})
        return f"{path}?{text}" if text else path

    def job_url(self, job_id: str) -> str:
        """The page of a job, which leads back to the list with these criteria."""
        return with_query(f"{LIST}/{job_id}", {"list": self.text})


def _time(written: str) -> str:
    """A time as the API reads it: `1h` is an hour ago, and what has no seconds gets some."""
    if match := AGO.fullmatch(written):
        ago = timedelta(**{UNITS[match[2]]: int(match[1])})
        return clock.rfc3339(clock.now_ms() - int(ago.total_seconds() * 1000))
    return f"{written}:00Z" if len(written) == WITHOUT_SECONDS_CHARS else written
