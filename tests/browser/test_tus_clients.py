"""tus-js-client and Uppy in a page in Chromium: they upload with an upload token, and go on after a cut."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.browser.conftest import CUT_AFTER, KEY, Seen, Service
from tests.support.eventually import PATIENCE_S
from tests.support.machine.npm import install, path_of
from tests.support.network.cutting_proxy import CuttingProxy, went_on_where_they_were_cut
from tools.demo.page import TOKEN, page
from tools.documents import ROOT
from tools.pictures import sources

PACKAGES = ROOT / "tests" / "support" / "tus_browser"
WIDTHS = (3600, 3550, 3500)
ENDED_MS = 60_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page, and its script with the packages in it."""
    path_of("node", "it bundles tus-js-client and Uppy")
    packages, folder = tmp_path_factory.mktemp("packages"), tmp_path_factory.mktemp("page")
    install(PACKAGES, packages, "it fetches tus-js-client and Uppy")
    shutil.copy(PACKAGES / "page.mjs", packages)
    shutil.copy(PACKAGES / "index.html", folder)
    esbuild = packages / "node_modules" / ".bin" / "esbuild"
    command = [
        str(esbuild),
        "page.mjs",
        "--bundle",
        "--format=esm",
        "--log-level=warning",
        f"--outfile={folder}/page.js",
    ]
    subprocess.run(command, cwd=packages, check=True)
    return folder


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    return [sources.photo(tmp_path / f"größe-{width}.jpg", (width, 2400)) for width in WIDTHS]


@pytest.fixture
def proxy(service: Service) -> Iterator[CuttingProxy]:
    with CuttingProxy(service.port, after=CUT_AFTER) as proxy:
        yield proxy


@pytest.fixture
def url(service: Service, proxy: CuttingProxy, folder: Path) -> Iterator[str]:
    token = {**TOKEN, "uses": len(WIDTHS)}
    api = f"http://127.0.0.1:{proxy.port}"
    with page(api, service.page_ports[2], KEY, folder=folder, token=token) as url:
        yield url


@pytest.mark.parametrize("library", ["tus-js-client", "Uppy"])
def test_they_upload_with_one_token_and_go_on_after_a_cut(
    seen: Seen, service: Service, url: str, proxy: CuttingProxy, photos: list[Path], library: str
) -> None:
    seen.tab.goto(url)
    seen.tab.get_by_label(library).set_input_files([str(photo) for photo in photos])
    seen.tab.locator("#ended").wait_for(timeout=ENDED_MS)
    seen.screenshot(f"8-{library}")
    jobs = seen.tab.locator("li").all_inner_texts()
    assert [text for text in jobs if not re.fullmatch("[0-9a-f]{32}", text)] == []
    with httpx.Client(base_url=service.api, headers={"Authorization": f"Bearer {KEY}"}, timeout=PATIENCE_S) as client:
        ended = [client.get(f"/v1/jobs/{job}", params={"wait": PATIENCE_S}).json() for job in jobs]
    assert {(job["state"], job["name"]) for job in ended} == {("succeeded", photo.name) for photo in photos}

    assert proxy.lost == 1
    assert len(proxy.uploads) == len(photos)
    assert went_on_where_they_were_cut(proxy.uploads)
    progress = seen.tab.evaluate("window.progress")
    for photo in photos:
        assert progress[photo.name][-1] == photo.stat().st_size
        assert len(set(progress[photo.name])) > 2
    assert all(KEY not in str(request.all_headers()) for request in seen.requests)
