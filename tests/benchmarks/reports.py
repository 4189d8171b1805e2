"""`bin/bench reports`: tables of up to 300,000 rows as PDF, beside what else prints tables, and the small reports."""

import csv
import json
import random
import statistics
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.harness.report import Report, Row
from tests.benchmarks.harness.rival import Rival
from tests.benchmarks.harness.system import ROOT

FONTS = ROOT / "tasks" / "report" / "fonts" / "files"
REPORTLAB = ("reportlab[accel]==5.1.0",)
# jobs: how many rows make some seconds.
RIVALS = (
    Rival("bare canvas loop", 100_000, "with_canvas.py", REPORTLAB),
    Rival("LongTable", 10_000, "with_longtable.py", REPORTLAB),
    Rival("typst", 10_000, "with_typst.py", ("typst==0.15.0",)),
    Rival("fpdf2", 10_000, "with_fpdf2.py", ("fpdf2==2.8.9",)),
    Rival("WeasyPrint", 2_000, "with_weasyprint.py", ("weasyprint==70.0",)),
)
SIZES = (10_000, 100_000, 300_000)
LARGE, MONEY_ROWS = 100_000, 1_000_000
ROUNDS = 3
ROWS_PER_S, PEAK_MB, FLAT_PERCENT, JAPANESE_TIMES, PAGE_MS, GROWN_MB = 25_000, 150, 15, 2.5, 50, 5

REGIONS = ("North", "South", "East", "West", "Overseas", "Île-de-France")
OFFICES = ("東京営業所", "大阪営業所", "名古屋営業所", "札幌支店")
STORY = (
    "千代田区丸の内一丁目の会社に関する請求書、支払期限は翌月末日です。担当者は経理部の山田太郎、"
    "在庫確認と配送手配を含む。"
)


def ledger(count: int, *, japanese: bool = False) -> Iterator[Sequence[str]]:
    """Rows of text, date, text that repeats, text that does not, an integer and money; the same each time."""
    chance = random.Random(1)  # noqa: S311 - test data
    for number in range(count):
        day = date(2025, 1, 1) + timedelta(days=chance.randrange(730))
        cents = chance.randint(1, 250_000_00)
        start = chance.randrange(len(STORY) - 8)
        text = f"{STORY[start : start + chance.randint(6, 60)]}{number}"
        yield (
            f"{number:07d}",
            day.isoformat(),
            chance.choice(OFFICES if japanese else REGIONS),
            text if japanese else f"Customer {chance.randint(1, 50_000)} & Sons",
            str(chance.randint(1, 5_000)),
            str(cents) if japanese else f"{cents // 100}.{cents % 100:02d}",
        )


def write(file: Path, rows: Iterator[Sequence[str]]) -> Path:
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow(("number", "date", "region", "customer", "quantity", "amount"))
        writer.writerows(rows)
    return file


def run_json(*command: object) -> dict[str, float]:
    """The JSON that a measured process printed last."""
    done = subprocess.run(list(map(str, command)), cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    sys.stderr.write(f"{' '.join(Path(str(word)).name for word in command[1:5])}: {found}\n")
    return found


def ours(*arguments: object) -> dict[str, float]:
    return run_json(sys.executable, "-m", "tests.benchmarks.subjects.our_report", *arguments)


def run() -> Report:
    systems = {rival.name: rival.install() for rival in RIVALS}
    counts = sorted({*SIZES, *(rival.jobs for rival in RIVALS)})
    with TemporaryDirectory() as folder:
        pdf = Path(folder) / "report.pdf"
        files = {count: write(Path(folder) / f"{count}.csv", ledger(count)) for count in counts}
        # Round by round, so that a slow minute of the machine falls on all sizes; the median of the rounds counts.
        rounds = [{count: ours("table", files[count], count, pdf) for count in counts} for _ in range(ROUNDS)]
        tables = {count: median([each[count] for each in rounds]) for count in counts}
        file = write(Path(folder) / "japanese.csv", ledger(LARGE, japanese=True))
        japanese = median([ours("japanese", file, LARGE, pdf) for _ in range(ROUNDS)])
        page, many = ours("page", pdf), ours("many", pdf)
        money = ours("money", write(Path(folder) / "money.csv", ledger(MONEY_ROWS)))
        fonts = (FONTS / "NotoSans-Regular.ttf", FONTS / "NotoSans-SemiBold.ttf")
        rivals = [
            (rival, run_json(*systems[rival.name].command, files[rival.jobs], rival.jobs, pdf, *fonts))
            for rival in RIVALS
        ]
    rates = {count: count / table["cpu"] for count, table in tables.items()}
    sizes = [rates[count] for count in SIZES]
    rows = [
        Row(f"rows/s of CPU, {LARGE:,} × 6", rates[LARGE], at_least=ROWS_PER_S),
        Row(f"peak memory, {LARGE:,} × 6, MB", tables[LARGE]["peak_mb"], at_most=PEAK_MB),
        *(Row(f"rows/s of CPU, {count:,} × 6", rates[count]) for count in SIZES if count != LARGE),
        Row(
            f"slowest of {SIZES[0]:,} to {SIZES[-1]:,} rows, % under the fastest",
            100 * (1 - min(sizes) / max(sizes)),
            at_most=FLAT_PERCENT,
        ),
        Row(f"peak memory, {SIZES[-1]:,} × 6, MB", tables[SIZES[-1]]["peak_mb"], at_most=PEAK_MB),
        Row(f"rows/s of CPU, {LARGE:,} × 6 in Japanese, broken into lines", LARGE / japanese["cpu"]),
        Row("times as much CPU as without", japanese["cpu"] / tables[LARGE]["cpu"], at_most=JAPANESE_TIMES),
        Row("peak memory of that, MB", japanese["peak_mb"], at_most=PEAK_MB),
        Row("one page with a chart, ms", page["ms"], at_most=PAGE_MS),
        Row("growth of a child over 100 such reports, MB", many["grown_mb"], at_most=GROWN_MB),
        Row(f"cents by which totals of {MONEY_ROWS:,} amounts are off", money["off_cents"], at_most=0),
    ]
    for rival, took in rivals:
        count = rival.jobs
        rows += [
            Row(f"rows/s of CPU, {count:,} × 6", rates[count], rival.name, count / took["cpu"]),
            Row(
                f"peak memory, {count:,} × 6, MB",
                tables[count]["peak_mb"],
                rival.name,
                took["peak_mb"],
                less_is_better=True,
            ),
        ]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    versions = {name: system.version for name, system in systems.items()}
    return Report("reports", rows, {"pressroom": version, **versions})


def median(measured: Sequence[dict[str, float]]) -> dict[str, float]:
    """Of each of the figures."""
    return {name: statistics.median(each[name] for each in measured) for name in measured[0]}
