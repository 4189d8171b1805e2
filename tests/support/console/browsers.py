"""A browser that has signed in, as far as requests go: its cookie, and what browsers say of our own pages."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape

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


async def key_with(redis: ArqRedis, *scopes: str, read_only: bool = False, owner: str = "bob") -> str:
    """A new key with these scopes, bob's unless another owner is named."""
    store = KeyStore(redis, most=200)
    made = await store.create(owner, "a key", scopes, Asker("cli"), read_only=read_only, life_ms=None)
    return made.key


async def shown(browser: httpx.AsyncClient, path: str = "/console") -> str:
    """A page, which is there and not too long."""
    answer = await browser.get(path)
    assert answer.status_code == 200, answer.text
    assert len(answer.content) < 60_000
    return answer.text


def troubles(page: str) -> list[str]:
    """The sentences of what is stuck, in the order of a page."""
    found = re.findall(r'<div class="bar (?:failed|warning) trouble">.*?<p>(.*?)</p>', page, re.DOTALL)
    return [unescape(re.sub(r"<[^>]*>", "", one)) for one in found]


async def send_form(browser: httpx.AsyncClient, page: str, action: str) -> httpx.Response:
    """Press the button of a form of a page, with what its hidden fields have."""
    (form,) = re.findall(rf'<form method="post" action="{re.escape(action)}".*?</form>', page, re.DOTALL)
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', form))
    data = {name: unescape(value) for name, value in fields.items()}
    answer = await browser.post(action, data=data, headers=PAGE)
    assert answer.status_code == 303, answer.text
    return answer
