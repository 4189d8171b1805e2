"""A browser that has signed in, as far as requests go: its cookie, and what browsers say of our own pages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from arq.connections import ArqRedis

from tasks.accounts.key_store import Asker, KeyStore
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


async def key_with(redis: ArqRedis, *scopes: str, read_only: bool = False) -> str:
    """A new key of bob's with these scopes."""
    store = KeyStore(redis, most=200)
    made = await store.create("bob", "a key", scopes, Asker("cli"), read_only=read_only, life_ms=None)
    return made.key
