"""Pictures that are dropped or chosen, one or many, with scripts and without: their thumbnails are shown at their true
size, and what one downloads are the bytes of the API."""

import base64
from pathlib import Path
from typing import Any

import pytest

from tests.browser.console.conftest import Console, Visiting
from tools.pictures import sources

MANY = 12
DROP = """(form, pictures) => {
  const dataTransfer = new DataTransfer()
  for (const [name, text] of pictures) {
    const bytes = Uint8Array.from(atob(text), (one) => one.charCodeAt())
    dataTransfer.items.add(new File([bytes], name, {type: 'image/jpeg'}))
  }
  for (const type of ['dragover', 'drop']) form.dispatchEvent(new DragEvent(type, {dataTransfer, bubbles: true}))
}"""
SHOWN = """shown => shown.map((one) => {
  const {width, height} = one.getBoundingClientRect()
  return [one.getAttribute('src'), one.naturalWidth, one.naturalHeight, Math.round(width), Math.round(height)]
})"""
LAST_DOWNLOADS = 2
AS_IT_IS_PX = 640
"""Width and height up to which a thumbnail is not shrunk to fit the page."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Of different sizes, so that each has other thumbnails."""
    folder = tmp_path_factory.mktemp("photos")
    return [sources.photo(folder / f"plate-{n:02}.jpg", (600 + 10 * n, 400)) for n in range(MANY)]


def drop(tab: Any, photos: list[Path]) -> None:
    files = [(path.name, base64.b64encode(path.read_bytes()).decode()) for path in photos]
    tab.locator("form[data-drop]").evaluate(DROP, files)


def choose(tab: Any, photos: list[Path]) -> None:
    tab.set_input_files("input[type=file]", [str(path) for path in photos])
    tab.click("form[data-drop] button.primary")


@pytest.mark.parametrize(
    ("way", "count"),
    [
        ("dropped", 1),
        ("dropped", MANY),
        ("chosen", MANY),
        ("chosen without scripts", 1),
        ("chosen without scripts", MANY),
    ],
)
def test_pictures_become_thumbnails_of_the_right_size(
    visiting: Visiting, console: Console, photos: list[Path], way: str, count: int
) -> None:
    scripts = way != "chosen without scripts"
    with visiting(java_script_enabled=scripts) as visitor, console.client() as shop:
        tab = visitor.tab
        visitor.goto("/console/try")
        if scripts:
            tab.wait_for_function("!!document.querySelector('[data-drop]').ondrop")
        (drop if way == "dropped" else choose)(tab, photos[:count])
        tab.wait_for_url("**/console/try/pictures?**")
        ids = tab.locator("section[data-job]").evaluate_all("all => all.map(one => one.dataset.job)")
        jobs = [shop.get(f"/v1/jobs/{job}", params={"wait": 30}).json() for job in ids]
        if not scripts:
            tab.reload()
        files = {f"/console/jobs/{job['id']}/files/{one['name']}": one for job in jobs for one in job["files"]}
        assert len(files) % count == 0
        assert len(files) >= 4 * count
        pictures = tab.locator("main .checker img")
        pictures.nth(len(files) - 1).wait_for()
        for picture in pictures.all():
            picture.evaluate("one => one.decode()")
        shown = pictures.evaluate_all(SHOWN)
        wanted = [(one["about"]["width"], one["about"]["height"]) for one in files.values()]
        assert [src for src, *_ in shown] == list(files)
        assert [(width, height) for _, width, height, _, _ in shown] == wanted, "as the API says"
        for src, width, height, *seen in shown:
            shrunk = max(width, height, AS_IT_IS_PX) / AS_IT_IS_PX
            assert seen == [round(width / shrunk), round(height / shrunk)], f"one pixel of {src} is one pixel"
        for place in list(files)[-LAST_DOWNLOADS:]:
            with tab.expect_download() as download:
                tab.locator(f'a[download][href="{place}"]').click()
            content = Path(download.value.path()).read_bytes()
            assert content == shop.get(place.replace("/console/", "/v1/")).content
            assert download.value.suggested_filename == files[place]["name"]
        assert "srcset" in tab.content() or count == MANY, "what to write into a page"
        assert "$PRESSROOM_KEY" in tab.content()
