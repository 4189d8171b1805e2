"""Browsers of an admin and of an owner who is none."""

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.api.serving import ALICE, BOB
from tests.support.console.browsers import signed_in


@pytest.fixture
async def admin(port: int) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of alice, who is an admin where a test's `settings` say so."""
    async with signed_in(port, ALICE) as browser:
        yield browser


@pytest.fixture
async def owner(port: int) -> AsyncIterator[httpx.AsyncClient]:
    """A browser of bob."""
    async with signed_in(port, BOB) as browser:
        yield browser
