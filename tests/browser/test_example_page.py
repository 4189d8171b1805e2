"""The example page in Chromium: photos are uploaded without an API key, followed and shown."""

from pathlib import Path
from typing import Any

import pytest

from tests.browser.conftest import KEY, Seen
from tools.pictures import sources

READY = 60_000


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    return [
        sources.photo(folder / "evening.jpg", (1800, 1200)),
        sources.photo(folder / "phone.heic"),
        sources.logo(folder / "logo.png"),
    ]


def upload(seen: Seen, url: str, *files: Path) -> Any:
    """Open the page and choose files. Returns the rows."""
    seen.tab.goto(url)
    seen.tab.get_by_label("Choose photos").set_input_files([str(file) for file in files])
    rows = seen.tab.locator(".upload")
    assert rows.count() == len(files)
    return rows


def wait_until_ended(seen: Seen, count: int) -> None:
    seen.tab.wait_for_function(
        "count => document.querySelectorAll('.done, .failed').length === count", arg=count, timeout=READY
    )


def test_photos_are_uploaded_and_their_thumbnails_shown(
    seen: Seen, address: tuple[str, str], photos: list[Path]
) -> None:
    api, url = address
    seen.tab.goto(url)
    seen.screenshot("1-empty")
    rows = upload(seen, url, *photos)
    wait_until_ended(seen, len(photos))
    seen.screenshot("2-ready")
    for row, photo in zip(rows.all(), photos, strict=True):
        assert row.locator(".name").inner_text() == photo.name
        assert row.locator(".state").inner_text() == "Ready"
        image = row.get_by_role("img", name=f"Thumbnail of {photo.name}")
        assert image.evaluate("image => image.naturalWidth") > 50
        assert row.get_by_role("link").count() >= 2
    assert seen.faults == []  # neither an error, nor anything that the Content-Security-Policy refuses
    asked = [request for request in seen.requests if request.url.startswith(api)]
    assert all(KEY not in str(request.headers) + request.url for request in seen.requests)
    with_token = [request for request in asked if "token=" in request.url]
    assert len(with_token) == len(photos)
    assert all("/events?token=pr_job_" in request.url for request in with_token)
    assert not [request for request in asked if "token=" in request.headers.get("referer", "")]


def test_progress_is_told_while_it_is_uploaded_and_made(
    seen: Seen, address: tuple[str, str], photos: list[Path]
) -> None:
    seen.tab.goto(address[1])
    seen.tab.evaluate(
        """() => {
          window.told = [];
          new MutationObserver((changes) => changes.forEach(({ target }) => {
            const row = target.closest?.(".upload") ?? target.parentElement?.closest(".upload");
            if (row) window.told.push([row.querySelector(".state").textContent, row.querySelector("progress").value]);
          })).observe(document.querySelector("#uploads"),
            { subtree: true, childList: true, characterData: true, attributes: true });
        }"""
    )
    seen.tab.get_by_label("Choose photos").set_input_files([str(photos[0])])
    wait_until_ended(seen, 1)
    told = seen.tab.evaluate("window.told")
    assert ["Uploading…", 1] in told
    assert any(state == "Ready" for state, _ in told)
    assert seen.tab.get_by_role("status").inner_text() == "evening.jpg: Ready"


def test_photos_can_be_dropped(seen: Seen, address: tuple[str, str], photos: list[Path]) -> None:
    seen.tab.goto(address[1])
    content = list(photos[2].read_bytes())
    transfer = seen.tab.evaluate_handle(
        """bytes => { const transfer = new DataTransfer();
          transfer.items.add(new File([new Uint8Array(bytes)], "logo.png", { type: "image/png" }));
          return transfer; }""",
        content,
    )
    seen.tab.dispatch_event("#drop", "dragenter", {"dataTransfer": transfer})
    assert seen.tab.locator("#drop.over").count() == 1
    seen.screenshot("3-over")
    seen.tab.dispatch_event("#drop", "drop", {"dataTransfer": transfer})
    wait_until_ended(seen, 1)
    assert seen.tab.locator(".done").count() == 1
    assert seen.faults == []


def test_what_is_refused_says_why(seen: Seen, address: tuple[str, str], tmp_path: Path, photos: list[Path]) -> None:
    text = tmp_path / "notes.jpg"
    text.write_text("This is no photo.")
    rows = upload(seen, address[1], text, photos[2])
    wait_until_ended(seen, 2)
    seen.screenshot("4-refused")
    assert "The file is text, which is not read." in rows.nth(0).locator(".state").inner_text()
    assert rows.nth(1).locator(".state").inner_text() == "Ready"


def test_the_page_can_be_used_by_keyboard_on_a_phone_and_at_night(
    chromium: Any, address: tuple[str, str], photos: list[Path]
) -> None:
    context = chromium.new_context(viewport={"width": 360, "height": 740}, color_scheme="dark", has_touch=True)
    seen = Seen(context.new_page())
    rows = upload(seen, address[1], photos[0])
    wait_until_ended(seen, 1)
    seen.tab.keyboard.press("Tab")
    assert seen.tab.evaluate("document.activeElement.id") == "files"
    seen.screenshot("5-phone")
    assert seen.tab.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert rows.count() == 1
    context.close()


ASK = """async ({ url, headers, method }) => {
  try { const answer = await fetch(url, { method, headers, body: method === "POST" ? "x" : undefined });
        return [answer.status, (await answer.json()).code]; }
  catch (error) { return [0, String(error)]; } }"""


def test_a_page_reads_nothing_with_an_api_key_nor_with_a_token_of_another_page(
    seen: Seen, address: tuple[str, str], photos: list[Path]
) -> None:
    api, url = address
    seen.tab.goto(url)

    def ask(path: str, credential: str, method: str = "GET") -> list[Any]:
        headers = {"Authorization": f"Bearer {credential}", "Content-Type": "image/png"}
        answer: list[Any] = seen.tab.evaluate(ASK, {"url": api + path, "headers": headers, "method": method})
        return answer

    made = seen.tab.evaluate("async () => (await fetch('upload-token', { method: 'POST' })).json()")["token"]
    assert ask("/v1/images", made, "POST") == [422, "unsupported_format"]
    assert ask("/v1/images", KEY, "POST")[0] == 0  # no answer that the page may read
    assert ask("/v1/jobs", KEY)[0] == 0
    assert ask("/v1/jobs", made)[0] == 0  # the pre-flight is refused

    seen.tab.goto(url.replace("127.0.0.1", "localhost"))  # the same page, and another origin
    assert ask("/v1/images", made, "POST")[0] == 0
