"""The sample reports of `docs/samples`, with the data and the pictures that they refer to."""

import colorsys
import csv
import random
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final

from PIL import Image, ImageChops

from tasks.report.render_job import RenderJob, RenderLimits
from tasks.report.spec.blocks import ContactSheet
from tasks.report.spec.document import Spec
from tasks.report.spec.structs import decode_spec
from tests.support.pictures import scene
from tools.documents import ROOT

SAMPLES: Final = ROOT / "docs" / "samples"
LEDGER_ROWS: Final = 100_000
LIMITS: Final = RenderLimits(
    max_report_rows=1_000_000,
    max_report_cells=20_000_000,
    max_cell_chars=10_000,
    max_report_text_mb=100,
    max_report_pages=40_000,
    max_pixels=100_000_000,
    max_side_px=30_000,
    max_frames=1_000,
    max_jpeg_scans=100,
    max_scan_pixels=2_000_000_000,
    sandbox_budget_mb=1280,
)
BRANCHES: Final = ("Bremen", "Gdańsk", "Le Havre", "Osaka", "Piraeus", "Valparaíso")
ACCOUNTS: Final = ("1200 Bank", "1400 Receivables", "1600 Payables", "4400 Sales", "5400 Purchases", "6300 Freight")
EVENTS: Final = (
    "Invoice to customer",
    "Payment received",
    "Goods received",
    "Freight, sea",
    "Credit note",
    "Bank charges",
)
CUSTOMERS: Final = ("Andersen & Søn", "Ødegård AS", "Kowalski sp. z o.o.", "山田商店", "Δελφοί", "Fuentes Hnos.")


def names() -> list[str]:
    """What the samples are called."""
    return sorted(path.stem for path in SAMPLES.glob("*.json"))


def spec(name: str) -> Spec:
    """The spec of a sample, as the API reads it."""
    return Spec.model_validate_json((SAMPLES / f"{name}.json").read_bytes())


def job(name: str, folder: Path, *, ledger_rows: int = LEDGER_ROWS) -> RenderJob:
    """What the sandbox is given for a sample (`tasks.report.render`). The files that it needs are made in `folder`."""
    asked = spec(name)
    rows: dict[str, Callable[[], Iterator[list[str]]]] = {"entries": lambda: ledger(ledger_rows), "units": units}
    datasets = {one: _csv(folder / f"{one}.csv", rows[one]()) for one in asked.datasets}
    images: dict[str, str] = {}
    for block in asked.blocks:
        if isinstance(block, ContactSheet):
            pictures = zip(block.images, frames(len(block.images)), strict=True)
            images |= {one.source.key: _jpeg(folder / f"{one.source.key}.jpg", picture) for one, picture in pictures}
    return RenderJob(
        spec=decode_spec(asked.model_dump_json().encode()),
        datasets=datasets,
        images=images,
        limits=LIMITS,
        now=datetime(2026, 11, 20, 9, tzinfo=UTC),
    )


def ledger(rows: int) -> Iterator[list[str]]:
    """A heading, and entries in pairs: what one account gives another gets, so that debit and credit are the same."""
    dice = random.Random(11)  # noqa: S311 - the same entries every time
    yield ["entry", "date", "branch", "account", "text", "document", "debit", "credit"]
    for number in range(rows // 2):
        day = date(2025, 1, 1) + timedelta(days=number * 365 // max(rows // 2, 1))
        amount = f"{Decimal(dice.randrange(100, 1_000_000)) / 100}"
        text = f"{dice.choice(EVENTS)}, {dice.choice(CUSTOMERS)}"
        paper = f"{dice.choice('RGZ')}-{dice.randrange(10**5):05}"
        branch = dice.choice(BRANCHES)
        for side, account in enumerate(dice.sample(ACCOUNTS, 2)):
            money = [amount, ""] if side == 0 else ["", amount]
            yield [f"{2 * number + side + 1:06}", day.isoformat(), branch, account, text, paper, *money]


def units() -> Iterator[list[str]]:
    """A heading, and units planned and sold: 36 products in four regions."""
    dice = random.Random(12)  # noqa: S311
    months = [f"{kind}_{month:02}" for month in range(1, 13) for kind in ("plan", "sold")]
    yield ["product", "region", *months, "revenue"]
    for region in ("Africa", "Americas", "Asia", "Europe"):
        for number in range(9):
            plan = [dice.randrange(300, 1500) for _ in range(12)]
            sold = [round(one * dice.uniform(0.7, 1.25)) for one in plan]
            figures = [str(one) for pair in zip(plan, sold, strict=True) for one in pair]
            price = Decimal(dice.randrange(900, 9900)) / 100
            yield [f"Gauge {'ABCDEFGHI'[number]}{dice.randrange(10, 99)}", region, *figures, f"{price * sum(sold):.2f}"]


def frames(count: int) -> Iterator[Image.Image]:
    """Pictures that look like one roll of film: one landscape in many lights, upright and lying."""
    whole = scene(900, 600)
    for number in range(count):
        red, green, blue = colorsys.hsv_to_rgb(number / count, 0.35, 1.0)
        light = Image.new("RGB", whole.size, (round(255 * red), round(255 * green), round(255 * blue)))
        frame = ImageChops.multiply(whole, light)
        if number % 5 == 3:
            frame = frame.crop((number * 12, 0, number * 12 + 400, 600))
        elif number % 2:
            frame = frame.crop((number * 8, number * 4, number * 8 + 600, number * 4 + 400))
        yield frame


def _csv(path: Path, rows: Iterator[list[str]]) -> str:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return str(path)


def _jpeg(path: Path, picture: Image.Image) -> str:
    picture.save(path, quality=88)
    return str(path)
