"""What pages of ORIGIN are given, which may call the server."""

from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest

from tests.support.api.owned import ORIGIN

OTHER_ORIGIN = "https://evil.example"
Mint = Callable[..., Awaitable[dict[str, Any]]]


@pytest.fixture
def mint(alice: httpx.AsyncClient) -> Mint:
    """Make an upload token of alice; the arguments are fields of the request."""

    async def create(**fields: Any) -> dict[str, Any]:
        answer = await alice.post("/v1/upload-tokens", json={"origin": ORIGIN, **fields})
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made

    return create


@pytest.fixture
async def page(port: int) -> Any:
    """A browser's requests from a page of ORIGIN, without any key."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers={"Origin": ORIGIN}) as client:
        yield client


def bearer(token: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", **more}
