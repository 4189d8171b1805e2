"""The reference of the API: everything in the document is on a page, and nothing of a page comes from elsewhere."""

import json
import re
import shlex
from html.parser import HTMLParser

import httpx
import pytest

from api.console.html import POLICY, render
from api.console.operations import Reference
from tests.support.api.documented import document

MOST_BYTES = 100_000


class Links(HTMLParser):
    """What a page links to and loads, and the anchors that it has; `inline` is what the policy would stop."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.urls: set[str] = set()
        self.anchors: set[str] = set()
        self.inline: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.urls |= {value for name in ("href", "src", "action") if (value := values.get(name))}
        self.anchors |= {anchor for anchor in (values.get("id"),) if anchor}
        if tag in ("script", "style") or any(name == "style" or name.startswith("on") for name in values):
            self.inline.append(f"{tag} {values}")


@pytest.fixture(scope="module")
def reference() -> Reference:
    return Reference(document())


async def test_all_pages_can_be_reached_and_load_nothing_from_elsewhere(
    alice: httpx.AsyncClient,
) -> None:
    pages: dict[str, Links] = {}
    to_see = {"/docs"}
    while to_see:
        path = to_see.pop()
        answer = await alice.get(path, headers={"Authorization": ""})
        assert answer.status_code == 200, path
        if not answer.headers["content-type"].startswith("text/html"):
            pages[path] = Links("")
            continue
        assert answer.headers["content-security-policy"] == POLICY
        assert len(answer.content) < MOST_BYTES, path
        pages[path] = Links(answer.text)
        assert pages[path].inline == []
        assert all(url.startswith(("/", "#")) for url in pages[path].urls), "a page of ours links to ours"
        to_see |= {url.partition("#")[0] for url in pages[path].urls if not url.startswith("#")} - pages.keys()
    for path, page in pages.items():
        for url in page.urls:
            target, _, anchor = url.partition("#")
            assert not anchor or anchor in pages[target or path].anchors, f"{path} links to {url}"
    anchors = {anchor for page in pages.values() for anchor in page.anchors}
    methods = [operation for path in document()["paths"].values() for operation in path.values()]
    assert {operation["operationId"] for operation in methods} <= anchors
    fields = document()["components"]["schemas"]["Job"]["properties"]
    text = (await alice.get("/docs/schemas/Job")).text
    assert all(f"<code>{name}</code>" in text for name in fields)


async def test_browsers_keep_what_they_have(alice: httpx.AsyncClient) -> None:
    page = await alice.get("/docs/jobs")
    known = f'"older", W/{page.headers["etag"]}'
    again = await alice.get("/docs/jobs", headers={"If-None-Match": known})
    assert (again.status_code, again.content) == (304, b"")
    (url,) = re.findall(r'href="(/assets/console.css\?v=\w+)"', page.text)
    assert "immutable" in (await alice.get(url)).headers["cache-control"]
    stale = await alice.get("/assets/console.css?v=older")
    assert (stale.headers["cache-control"], stale.headers["content-type"]) == ("no-cache", "text/css; charset=utf-8")


async def test_the_address_alone_leads_to_it_and_what_there_is_not_is_not_found(alice: httpx.AsyncClient) -> None:
    answer = await alice.get("/", headers={"Authorization": ""})
    assert (answer.status_code, answer.headers["location"]) == (307, "/console")
    for path in ("/docs/nothing", "/docs/schemas/Nothing", "/assets/nothing.css", "/assets/html.py"):
        assert (await alice.get(path)).json()["code"] == "not_found"


def test_a_command_sends_what_the_example_says(reference: Reference) -> None:
    seen = 0
    for group in reference.groups.values():
        for operation in group.operations:
            words = shlex.split(operation.curl)
            assert f"$PRESSROOM_URL{operation.path}" in words
            assert ("Authorization: Bearer $PRESSROOM_KEY" in words) == (operation.scopes is not None)
            examples = [body.example for body in operation.bodies if body.example and "json" in body.content_type]
            if examples and "-d" in words:
                assert json.loads(words[words.index("-d") + 1]) == json.loads(examples[0])
                seen += 1
    assert seen > 10


def test_text_of_the_document_is_no_markup() -> None:
    evil = """' onx='" onx="><script>alert(1)</script>"""
    schema = {"type": "object", "description": evil, "properties": {evil: {"type": evil, "enum": [evil]}}}
    operation = {
        "operationId": evil,
        "summary": evil,
        "description": f"`{evil}`",
        "tags": [evil],
        "parameters": [
            {"name": evil, "in": "query", "schema": {"type": "string", "default": evil}, "description": evil}
        ],
        "requestBody": {"content": {"application/json": {"schema": schema, "example": {evil: evil}}}},
        "responses": {"200": {"description": evil}},
    }
    made = Reference(
        {
            "info": {"summary": evil},
            "paths": {f"/{evil}": {"post": operation}},
            "components": {"schemas": {evil: schema}},
        }
    )
    common = {"summary": made.summary, "groups": made.groups.values(), "current": None}
    (group,) = made.groups.values()
    for text in (
        render("reference.html", **common),
        render("group.html", **common, group=group),
        render("schema.html", **common, schema=made.schema(evil)),
    ):
        page = Links(text)
        assert (page.inline, "&lt;script&gt;" in text) == ([], True)
        assert all(url.startswith(("/", "#")) for url in page.urls)
