"""`/version`: little for everyone, the rest for those with a key, and nothing that is secret."""

import platform

import httpx
import pytest

from api.operations import version
from tasks.outbound.client import VERSION
from tasks.settings import Settings
from tests.support.api.serving import client_of, serving


async def test_without_a_key_it_is_the_version_alone(port: int) -> None:
    for key in (None, "an-unknown-key-0123"):
        async with client_of(port, key) as client:
            answer = await client.get("/version")
        assert answer.status_code == 200
        assert answer.json() == {"version": VERSION}


async def test_with_a_key_it_says_what_a_report_of_a_fault_needs(alice: httpx.AsyncClient) -> None:
    told = (await alice.get("/version")).json()
    assert told["python"] == platform.python_version()
    assert {"libvips", "pillow", "pdf", "heif"} <= told["engines"].keys()
    assert all(one[0].isdigit() for one in told["engines"].values())
    assert "/" not in str(told)


async def test_the_commit_is_the_platforms(settings: Settings) -> None:
    async with serving(settings.model_copy(update={"commit": "f00"})) as port, client_of(port) as client:
        assert (await client.get("/version")).json()["commit"] == "f00"


@pytest.mark.parametrize(
    ("value", "commit"), [("4e078d7", "4e078d7"), ("", None), ("<b>odd</b>", None), ("x" * 65, None)]
)
@pytest.mark.parametrize("name", ["SOURCE_VERSION", "HEROKU_SLUG_COMMIT", "RENDER_GIT_COMMIT"])
def test_what_is_no_commit_is_left_out(
    name: str, value: str, commit: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    assert Settings(_env_file=None).commit == commit


def test_an_engine_that_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(version, "ENGINES", {"pillow": "pillow", "none": "no-such-package-here"})
    assert version.engines.__wrapped__().keys() == {"pillow"}
