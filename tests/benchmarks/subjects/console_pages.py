"""What the pages of the console cost the web process: its CPU, beside the page with the sign-in form, which asks Redis
for nothing."""

import os
import sys
from pathlib import Path
from typing import Final

import httpx

from tests.benchmarks.harness.report import Row
from tests.support.console.pages import PAGES

EMPTY_PAGE: Final = "/console/login"
FILTERED: Final = ("/console/jobs?owner=*", "/console/jobs?state=failed&kind=thumbnail", "/console/jobs?q=photo-9")
WARM_UP, REQUESTS = 5, 30
CPU_MS: Final = 30
TICKS: Final = os.sysconf("SC_CLK_TCK")


async def console_pages(port: int, pid: int, key: str, job_id: str) -> list[Row]:
    """The cost of each page.

    Args:
        port: Where the web process listens.
        pid: Its number.
        key: An admin's.
        job_id: A job whose page is measured too.
    """
    rows = []
    from_page = {"Sec-Fetch-Site": "same-origin"}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as browser:
        await browser.post("/console/login", data={"key": key}, headers=from_page)
        for page in (EMPTY_PAGE, *PAGES, *FILTERED, f"/console/jobs/{job_id}"):
            for n in range(WARM_UP + REQUESTS):
                if n == WARM_UP:
                    before = cpu_ms(pid)
                answer = await browser.get(page)
                assert answer.status_code == 200, f"{page}: {answer.status_code}"
            each = (cpu_ms(pid) - before) / REQUESTS
            name = page.replace(job_id, "{id}")
            sys.stderr.write(f"{name}: {each:.1f} ms of CPU\n")
            rows.append(Row(f"CPU of the page {name}, ms", round(each, 1), at_most=CPU_MS))
    return rows


def cpu_ms(pid: int) -> float:
    """CPU time of a process so far, in milliseconds."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return 1000 * (int(fields[11]) + int(fields[12])) / TICKS
