"""The example page in Chromium, whose connection is cut in the middle of each photo."""

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import CUT_AFTER, KEY, Seen, Service
from tests.support.network.cutting_proxy import CuttingProxy, went_on_where_they_were_cut
from tools.demo.page import TOKEN, page
from tools.pictures import sources

LIFE_S = 25
"""Of the upload tokens. The uploads take some seconds of it."""
ENDED_MS = 60_000

RECORD = """() => {
  window.shown = {};
  new MutationObserver((changes) => changes.forEach(({ target }) => {
    const row = target.closest?.(".upload") ?? target.parentElement?.closest(".upload");
    if (!row) return;
    const name = row.querySelector(".name").textContent;
    (window.shown[name] ??= []).push([row.querySelector(".state").textContent, row.querySelector("progress").value]);
  })).observe(document.querySelector("#uploads"),
    { subtree: true, childList: true, characterData: true, attributes: true });
}"""
ASK = """async ({ url, token, method, headers }) => {
  const always = { "Tus-Resumable": "1.0.0", "Content-Type": "application/offset+octet-stream" };
  const answer = await fetch(url, { method, body: method === "HEAD" ? undefined : "x",
    headers: { Authorization: `Bearer ${token}`, ...always, ...headers } });
  return answer.status;
}"""
ASK_UNTIL_EXPIRED = f"""async ({{ seconds, ...asked }}) => {{
  const began = performance.now();
  let status;
  do {{
    status = await ({ASK})(asked);
    await new Promise((resolve) => setTimeout(resolve, 250));
  }} while (status !== 401 && performance.now() - began < 1000 * seconds);
  return status;
}}"""
SHOW = """async (urls) => Promise.all(urls.map(async (url) => {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image.naturalWidth;
}))"""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Of three parts each."""
    folder = tmp_path_factory.mktemp("photos")
    return [sources.photo(folder / f"lake-{width}.jpg", (width, 2400)) for width in (3600, 3550, 3500)]


@pytest.fixture(scope="module")
def proxy(service: Service) -> Iterator[CuttingProxy]:
    with CuttingProxy(service.port, after=CUT_AFTER) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def url(service: Service, proxy: CuttingProxy) -> Iterator[str]:
    """The page, which reaches Pressroom through the proxy alone."""
    token = {**TOKEN, "expires": f"{LIFE_S}s"}
    with page(f"http://127.0.0.1:{proxy.port}", service.page_ports[1], KEY, token=token) as url:
        yield url


def test_three_photos_go_on_after_a_cut_and_are_seen_when_their_tokens_have_expired(
    seen: Seen, chromium: Any, url: str, proxy: CuttingProxy, photos: list[Path]
) -> None:
    answers: list[Any] = []
    seen.tab.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 - it marks what it is given
    seen.tab.goto(url)
    seen.tab.evaluate(RECORD)
    seen.tab.get_by_label("Choose photos").set_input_files([str(photo) for photo in photos])
    seen.tab.wait_for_function("() => Object.values(window.shown).flat().some(([state]) => state.includes('lost'))")
    seen.screenshot("6-cut")
    seen.tab.wait_for_function(
        "count => document.querySelectorAll('.done, .failed').length === count", arg=len(photos), timeout=ENDED_MS
    )
    seen.screenshot("7-resumed")
    assert seen.tab.locator(".state").all_inner_texts() == ["Ready"] * len(photos)
    assert proxy.lost == 1  # and the repeated creation has needed no other token
    assert len(proxy.uploads) == len(photos)
    assert went_on_where_they_were_cut(proxy.uploads)
    assert [patch.offset for patch in proxy.patches].count(0) == len(photos)  # none began again
    what_arrived_counted_once(answers, len(photos))
    shown = seen.tab.evaluate("window.shown")
    assert shown.keys() == {photo.name for photo in photos}
    for states in shown.values():
        the_progress_rises([part for state, part in states if state == "Uploading…"])
    own = [answer for answer in answers if answer.url.startswith(url)]
    assert [answer.url for answer in own].count(f"{url}upload-token") == len(photos)
    assert {"", "upload.js", "resumable.js", "upload-token"} <= {answer.url.removeprefix(url) for answer in own}
    assert all(KEY not in answer.text() for answer in own)
    assert KEY not in seen.tab.content()
    assert all(KEY not in str(request.all_headers()) + request.url for request in seen.requests)

    urls = seen.tab.locator(".picture img, .sizes a").evaluate_all("all => all.map((one) => one.src ?? one.href)")
    assert len(urls) >= 3 * len(photos)
    assert all("/f/" in url and "token" not in url for url in urls)
    for creation in creations(answers):
        token = creation.request.all_headers()["authorization"].removeprefix("Bearer ")
        the_token_expires(seen, f"http://127.0.0.1:{proxy.port}", token, creation.headers["location"])
    seen.tab.reload()
    assert all(width > 50 for width in seen.tab.evaluate(SHOW, urls))
    context = chromium.new_context()  # a visitor who has kept nothing
    visitor = context.new_page()
    visitor.goto(url)
    assert all(width > 50 for width in visitor.evaluate(SHOW, urls))
    context.close()


def creations(answers: list[Any]) -> list[Any]:
    return [answer for answer in answers if answer.url.endswith("/resumable") and answer.status == 201]


def what_arrived_counted_once(answers: list[Any], photos: int) -> None:
    assert len(creations(answers)) == photos
    patched = [answer for answer in answers if answer.request.method == "PATCH" and answer.status == 204]
    ends = [(answer.url, answer.headers["upload-offset"]) for answer in patched]
    assert len(set(ends)) == len(ends) >= 2 * photos


def the_progress_rises(parts: list[float]) -> None:
    assert all(one <= other for one, other in itertools.pairwise(parts))
    assert len({part for part in parts if 0 < part < 1}) >= 2
    assert parts[-1] == 1


def the_token_expires(seen: Seen, api: str, token: str, path: str) -> None:
    """Wait for it. Then it opens nothing: neither its own upload, nor another."""

    def asking(method: str, path: str, **headers: str) -> dict[str, Any]:
        return {"url": api + path, "token": token, "method": method, "headers": headers}

    assert seen.tab.evaluate(ASK_UNTIL_EXPIRED, asking("HEAD", path) | {"seconds": LIFE_S + 10}) == 401
    for asked in (
        asking("PATCH", path, **{"Upload-Offset": "0"}),
        asking("POST", "/v1/uploads/resumable", **{"Upload-Length": "1"}),
        asking("POST", "/v1/images", **{"Content-Type": "image/jpeg"}),
    ):
        assert seen.tab.evaluate(ASK, asked) == 401
