"""`python -m tools.console [FOLDER]`: pictures of each page of the console, in light and dark, of a service that has
been filled for it. Into `docs/pictures/console`, or another folder. Needs `bin/setup dev browser` and a Chromium."""

import io
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

import httpx
from PIL import Image
from playwright.sync_api import sync_playwright

from tools.console.filling import Filled, fill, two_receivers
from tools.demo.demo import pressroom
from tools.documents import ROOT

FOLDER: Final = ROOT / "docs" / "pictures" / "console"
CHROMIUM_OPTIONS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
WIDTH, HEIGHT, MOST_HEIGHT = 1280, 800, 1600
QUALITY: Final = 82


def main(folder: Path) -> None:
    """Start a service, fill it, and take the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch, two_receivers() as receivers:
        changes = {"ENVIRONMENT": "demo"}
        with pressroom(Path(scratch), **changes) as address, httpx.Client(base_url=address, timeout=60) as client:
            filled = fill(client, receivers.address, Path(scratch))
            with sync_playwright() as playwright:
                program = os.environ.get("CHROMIUM") or shutil.which("chromium")
                browser = playwright.chromium.launch(executable_path=program, args=list(CHROMIUM_OPTIONS))
                for name, path in pages(filled).items():
                    for scheme in ("light", "dark"):
                        target = folder / f"{name}-{scheme}.webp"
                        take(browser, address + path, scheme, target)
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


def take(browser: Any, url: str, scheme: str, target: Path) -> None:
    """Take a picture of a page, of the part that fits on a large screen."""
    tab = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme=scheme, locale="en")
    tab.goto(url)
    tab.wait_for_function("[...document.images].every(one => one.complete)")
    tall = min(tab.evaluate("document.documentElement.scrollHeight"), MOST_HEIGHT)
    content = tab.screenshot(clip={"x": 0, "y": 0, "width": WIDTH, "height": tall}, full_page=True)
    Image.open(io.BytesIO(content)).save(target, "WEBP", quality=QUALITY, method=6)
    tab.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else FOLDER)
