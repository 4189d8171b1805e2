"""A browser that has signed in, as far as requests go: its cookie, and what browsers say of our own pages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tests.support.api.serving import ALICE, client_of

PAGE = {"Sec-Fetch-Site": "same-origin"}
"""What a browser sends along from a page of ours."""


@asynccontextmanager
async def signed_in(port: int, key: str = ALICE) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the session of a key; it sends forms with `headers=PAGE`."""
    async with client_of(port, None) as browser:
        answer = await browser.post("/console/login", data={"key": key}, headers=PAGE)
        assert answer.status_code == 303, answer.text
        yield browser
