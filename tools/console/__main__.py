"""`python -m tools.console [FOLDER]`: pictures of each page of the console, in light and dark, of a service that has
been filled for it, which takes six minutes. Into `docs/pictures/console`, or another folder. Needs a Chromium, and
`bin/setup dev browser`."""

import io
import itertools
import os
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import httpx
from PIL import Image
from playwright.sync_api import sync_playwright

from tools.console.filling import Filled, fill, posted, two_receivers, upload
from tools.demo.demo import pressroom
from tools.documents import ROOT
from tools.pictures import sources

FOLDER: Final = ROOT / "docs" / "pictures" / "console"
CHROMIUM_OPTIONS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
WIDTH, HEIGHT, MOST_HEIGHT = 1280, 800, 1600
QUALITY: Final = 82
KEY: Final = "a-key-of-this-command-alone"
KEYS: Final = {"till": ["reports", "jobs:read"], "warehouse": ["images", "webhooks", "jobs:read"]}
"""Scopes by the names of keys, for the pages of keys and of the audit log."""
BUSY_S, PAUSE_S = 290, 0.3


def main(folder: Path) -> None:
    """Start a service, fill it, and take the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, two_receivers() as receivers:
        changes = {"ENVIRONMENT": "demo", "API_KEYS": f"shop:{KEY}", "ADMINS": "shop"}
        authorization = {"Authorization": f"Bearer {KEY}"}
        with (
            pressroom(Path(scratch), **changes) as address,
            httpx.Client(base_url=address, headers=authorization, timeout=60) as client,
        ):
            keep_busy(client, Path(scratch))
            filled = fill(client, receivers.address, Path(scratch))
            for name, scopes in KEYS.items():
                posted(client, "/v1/keys", {"name": name, "scopes": scopes})
            with sync_playwright() as playwright:
                program = os.environ.get("CHROMIUM") or shutil.which("chromium")
                browser = playwright.chromium.launch(executable_path=program, args=list(CHROMIUM_OPTIONS))
                for scheme in ("light", "dark"):
                    tab = signed_in(browser, address, scheme)
                    for name, path in pages(filled).items():
                        target = folder / f"{name}-{scheme}.webp"
                        take(tab, address + path, target)
                        sys.stdout.write(f"{target.name}: {target.stat().st_size:,} bytes\n")
                browser.close()


def pages(filled: Filled) -> dict[str, str]:
    """The pages, by the names of their pictures."""
    return {
        "overview": "/console",
        "try": "/console/try",
        "jobs": "/console/jobs",
        "picture": f"/console/jobs/{filled.picture}",
        "report": f"/console/jobs/{filled.report}",
        "delivery": f"/console/jobs/{filled.delivery}",
        "failures": "/console/failures",
        "queues": "/console/queues",
        "workers": "/console/workers",
        "schedules": "/console/schedules",
        "webhooks": "/console/webhooks",
        "endpoint": f"/console/webhooks/{filled.endpoint}",
        "keys": "/console/keys",
        "usage": "/console/usage",
        "audit": "/console/audit",
        "reference": "/docs/images",
    }


def keep_busy(client: httpx.Client, folder: Path) -> None:
    """Submit what a shop submits, for as long as it takes to have numbers for the charts."""
    photo = sources.photo(folder / "rack.jpg", (600, 400)).read_bytes()
    until = time.monotonic() + BUSY_S
    for n in itertools.count():
        if time.monotonic() > until:
            return
        content = photo[:9_000] if n % 9 == 8 else photo
        upload(client, f"rack-{n:03}.jpg", content)
        posted(client, "/v1/events", {"type": "stock.counted", "data": {"rack": n}})
        time.sleep(PAUSE_S * (1 + n % 5))


def signed_in(browser: Any, address: str, scheme: str) -> Any:
    """A tab with a session."""
    tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme, locale="en")
    tab.goto(f"{address}/console/login")
    tab.fill("input[name=key]", KEY)
    tab.click("form.stack button")
    tab.wait_for_url(f"{address}/console")
    return tab


def take(tab: Any, url: str, target: Path) -> None:
    """Take a picture of a page, of the part that fits on a large screen."""
    tab.goto(url)
    for image in tab.locator("img").all():
        image.evaluate("one => one.decode()")
    tall = min(tab.evaluate("document.documentElement.scrollHeight"), MOST_HEIGHT)
    content = tab.screenshot(clip={"x": 0, "y": 0, "width": WIDTH, "height": tall}, full_page=True)
    Image.open(io.BytesIO(content)).save(target, "WEBP", quality=QUALITY, method=6)


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
