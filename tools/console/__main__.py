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

from tools.console.filling import Filled, ended, fill, two_receivers
from tools.demo.demo import pressroom
from tools.documents import ROOT

FOLDER: Final = ROOT / "docs" / "pictures" / "console"
CHROMIUM_OPTIONS: Final = ("--no-sandbox", "--disable-gpu", "--disable-background-networking")
WIDTH, HEIGHT, MOST_HEIGHT = 1280, 800, 1600
QUALITY: Final = 82
KEY: Final = "a-key-of-this-command-alone"


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
            note_numbers(client)
            filled = fill(client, receivers.address, Path(scratch))
            note_numbers(client)
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


def note_numbers(client: httpx.Client) -> None:
    """Have the numbers of this minute noted, from which the charts are drawn."""
    job = client.post("/v1/schedules/alerts/runs").raise_for_status().json()
    ended(client, client.get(f"/v1/jobs/{job['job'] if 'job' in job else job['id']}").raise_for_status().json())


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
