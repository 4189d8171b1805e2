"""The apps of `examples/` are started, and used as a browser would: a photo is uploaded, its thumbnails are seen."""

import os
import re
import shutil
import sys
from pathlib import Path
from typing import Final

import httpx

from tests.contract.readmes import PYTHON, receive
from tests.support.pictures import encoded, scene
from tests.support.processes import ROOT
from tools.servers import free_port

FOLDER: Final = ROOT / "examples"
PHOTO: Final = encoded(scene(800, 600), "jpeg")


def run_python(folder: Path, variables: dict[str, str]) -> None:
    """Run the apps for Python. variables: URL and key of the service."""
    environment = {**os.environ, **variables, "PYTHONPATH": str(PYTHON / "src"), "DJANGO_SECRET_KEY": "k" * 50}
    django = [sys.executable, "photos.py", "runserver", "--noreload"]
    fastapi = [sys.executable, "-m", "uvicorn", "photos:app", "--log-level", "warning", "--port"]
    for name, command, upload in (("django", django, by_form), ("fastapi", fastapi, by_body)):
        shutil.copytree(FOLDER / name, folder / name)
        receive(folder / name, environment, command, free_port(), upload)
    sys.stdout.write("Python: an upload to the examples for Django and FastAPI.\n")


def run_node(folder: Path, variables: dict[str, str]) -> None:
    """Run the app for Node. folder: where the built client is among the packages."""
    shutil.copytree(FOLDER / "node", folder / "node")
    receive(folder / "node", {**os.environ, **variables}, ["node", "photos.mjs"], free_port(), by_body)
    sys.stdout.write("TypeScript: an upload to the example for Node.\n")


def by_form(client: httpx.Client) -> None:
    """Upload by the form of the page, which has a token against forged requests."""
    form = {"csrfmiddlewaretoken": re.findall(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get("/").text)[0]}
    photo = {"photo": ("photo.jpg", PHOTO, "image/jpeg")}
    assert client.post("/photos", files=photo).status_code == 403, "no token"
    page = client.post("/photos", data=form, files=photo, follow_redirects=True)
    see(re.findall(r'src="([^"]+)"', page.text.replace("&amp;", "&")))
    broken = client.post("/photos", data=form, files={"photo": ("a.jpg", b"GIF89a")}, follow_redirects=True)
    assert broken.status_code == 422, broken.text


def by_body(client: httpx.Client) -> None:
    """Upload as the script of the page does."""
    assert 'type="file"' in client.get("/").text
    job = client.post("/photos", content=PHOTO).raise_for_status().json()["id"]
    see(client.get(f"/photos/{job}").raise_for_status().json())
    broken = client.post("/photos", content=b"GIF89a").raise_for_status().json()["id"]
    assert client.get(f"/photos/{broken}").status_code == 422
    assert client.post("/photos", content=b"0" * 20_000_001).status_code == 413


def see(urls: list[str]) -> None:
    """The thumbnails can be seen without a key."""
    assert len(urls) > 1
    for url in urls:
        assert httpx.get(url).raise_for_status().headers["content-type"].startswith("image/")
