"""What the pages of the console cost the web process: its CPU, beside the page with the sign-in form, which asks Redis
for nothing."""

import os
import sys
from pathlib import Path
from typing import Final

import httpx

from tests.benchmarks.harness.report import Row

PAGES: Final = ("", "/jobs", "/jobs?owner=*", "/jobs?state=failed&kind=thumbnail", "/failures", "/queues", "/workers")
EMPTY_PAGE: Final = "/login"
WARM_UP, REQUESTS = 5, 30
CPU_MS: Final = 30
TICKS: Final = os.sysconf("SC_CLK_TCK")


async def console_pages(port: int, pid: int, key: str) -> list[Row]:
    """The cost of each page.

    Args:
        port: Where the web process listens.
        pid: Its number.
        key: An admin's.
    """
    rows = []
    from_page = {"Sec-Fetch-Site": "same-origin"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}/console", timeout=30) as browser:
        await browser.post("/login", data={"key": key}, headers=from_page)
        for page in (EMPTY_PAGE, *PAGES):
            for n in range(WARM_UP + REQUESTS):
                if n == WARM_UP:
                    before = cpu_ms(pid)
                (await browser.get(page)).raise_for_status()
            each = (cpu_ms(pid) - before) / REQUESTS
            sys.stderr.write(f"/console{page}: {each:.1f} ms of CPU\n")
            rows.append(Row(f"CPU of the page /console{page}, ms", round(each, 1), at_most=CPU_MS))
    return rows


def cpu_ms(pid: int) -> float:
    """CPU time of a process so far, in milliseconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / TICKS
