"""What a benchmark found: rows, each ours beside a rival's, as a table for people and as JSON for comparing runs."""

import json
import math
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path


def describe_machine() -> str:
    """The processor, cores, memory and system, in one line."""
    about = Path("/proc/cpuinfo")
    found = re.search(r"model name\s*: (.+)", about.read_text()) if about.exists() else None
    processor = found[1] if found else platform.processor() or platform.machine()
    memory_gb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    system = f"{platform.system()} {platform.release()}"
    return f"{processor}, {os.cpu_count()} cores, {memory_gb:.0f} GB, {system}, Python {platform.python_version()}"


@dataclass(frozen=True)
class Row:
    """One comparison, or one figure of our own. A promise is either a factor over the rival (`times`) or a bound on our
    own value (`at_most`, `at_least`)."""

    metric: str
    ours: float
    rival: str = ""
    rival_value: float | None = None
    less_is_better: bool = False
    times: float | None = None
    at_most: float | None = None
    at_least: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times better ours is; under 1, it is worse. None where there is no rival."""
        if self.rival_value is None:
            return None
        return self.rival_value / self.ours if self.less_is_better else self.ours / self.rival_value

    @property
    def promise(self) -> str:
        if self.times is not None:
            return f"≥ {self.times:g} x"
        if self.at_least is not None:
            return f"≥ {figure(self.at_least)}"
        return f"≤ {self.at_most:g}" if self.at_most is not None else ""

    @property
    def met(self) -> bool | None:
        if self.times is not None and self.ratio is not None:
            return self.ratio >= self.times
        if self.at_least is not None:
            return self.ours >= self.at_least
        return self.ours <= self.at_most if self.at_most is not None else None


@dataclass(frozen=True)
class Report:
    """A run of one benchmark."""

    bench: str
    rows: Sequence[Row]
    versions: Mapping[str, str]
    machine: str = field(default_factory=describe_machine)

    def table(self) -> str:
        lines = [
            f"{self.bench} on {self.machine}",
            ", ".join(f"{name} {version}" for name, version in self.versions.items()),
            "",
            "| metric | ours | rival | its value | times better | promise | met |",
            "|---|---:|---|---:|---:|---|---|",
        ]
        for row in self.rows:
            met = {True: "yes", False: "**no**", None: ""}[row.met]
            rival = "" if row.rival_value is None else figure(row.rival_value)
            ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
            values = f"{figure(row.ours)} | {row.rival} | {rival} | {ratio}"
            lines.append(f"| {row.metric} | {values} | {row.promise} | {met} |")
        return "\n".join(lines)

    def write(self, file: Path) -> None:
        names = ("metric", "ours", "rival", "rival_value", "ratio", "promise", "met")
        rows = [{name: getattr(row, name) for name in names} for row in self.rows]
        content = {"bench": self.bench, "machine": self.machine, "versions": dict(self.versions), "rows": rows}
        file.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def figure(value: float) -> str:
    """Three significant digits, thousands separated, no exponent."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def percentile(values: Sequence[float], percent: float) -> float:
    """The smallest of `values` that at least `percent` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]
