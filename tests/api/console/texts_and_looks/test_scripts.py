"""The scripts of the pages: small, ours alone, and nothing in them that the policy of pages refuses."""

import re

import httpx
import pytest

from api.console.html import ASSETS, asset_url
from tests.support.api.serving import ALICE
from tests.support.console.browsers import signed_in

MOST_BYTES = 12 * 1024
SCRIPTS = sorted(ASSETS.glob("*.js"))
REFUSED = ("innerHTML", "outerHTML", "insertAdjacent", "document.write", "parseFromString", "eval(", "Function(")
URL = re.compile(r'"(/assets/[\w-]+\.js)\?v=(\w+)"')


def test_they_are_small() -> None:
    assert sum(script.stat().st_size for script in SCRIPTS) <= MOST_BYTES


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_they_make_no_markup_of_text(script: object) -> None:
    assert [word for word in REFUSED if word in (ASSETS / str(script)).read_text(encoding="utf-8")] == []


async def test_each_is_named_with_its_content(port: int, alice: httpx.AsyncClient) -> None:
    async with signed_in(port, ALICE) as browser:
        page = (await browser.get("/console")).text
    to_see, seen = {asset_url("app.js")}, set[str]()
    assert asset_url("app.js") in page
    while to_see:
        url = to_see.pop()
        answer = await alice.get(url)
        assert (answer.status_code, "immutable" in answer.headers["cache-control"]) == (200, True)
        seen.add(url.partition("?")[0])
        to_see |= {f"{path}?v={digest}" for path, digest in URL.findall(answer.text)}
    assert seen == {f"/assets/{script.name}" for script in SCRIPTS}


async def test_words_come_from_the_page(port: int) -> None:
    """Each `words.name` of a script is a text of the page, in the reader's language."""
    async with signed_in(port, ALICE) as browser:
        page = (await browser.get("/console", headers={"Accept-Language": "ja"})).text
    found = re.search(r"data-words='([^']+)'", page)
    assert found is not None
    named = {name for script in SCRIPTS for name in re.findall(r"\bwords\.(\w+)", script.read_text(encoding="utf-8"))}
    assert {name for name in named if f'"{name}": ' not in found[1]} == set()
    assert "前" in found[1].encode().decode("unicode_escape")
