"""What others can try on the console: texts that are scripts, forms and frames of other sites, links that lead away."""

import json
from typing import Any

import httpx
import pytest

from tests.browser.console.conftest import Console, Visiting
from tools.console.filling import ended, posted

PAYLOADS = (
    "<img src=x onerror=alert(1)>",
    '"onmouseover="alert(1)',
    "</script><script>alert(1)</script>",
    "javascript:alert(1)",
    "{{7*7}}",
    "safe\u202egnp.exe",
)


def evil_things(client: httpx.Client, receiver: str, payload: str) -> list[str]:
    """Give the payload wherever a text can be given. Returns pages that show it."""
    files = {"file": (payload, b"not a picture")}
    picture = client.post("/v1/images", files=files, data={"metadata": json.dumps({"note": payload})})
    blocks = [{"type": "text", "text": payload}]
    report = posted(client, "/v1/reports", {"document": {"title": payload}, "blocks": blocks})
    endpoint = posted(client, "/v1/endpoints", {"url": f"{receiver}/ok", "events": ["x.*"], "description": payload})
    event = posted(client, "/v1/events", {"type": "x.y", "data": {"text": payload}})
    job = {"kind": "event", "type": "x.y", "data": {"text": payload}}
    schedule = posted(client, "/v1/schedules", {"name": payload, "cron": "0 6 1 * *", "job": job})
    pages = ["/console", "/console/failures", "/console/schedules", "/console/webhooks"]
    pages += [f"/console/schedules/{schedule['id']}", f"/console/webhooks/{endpoint['id']}"]
    if picture.is_success:
        pages.append(f"/console/jobs/{ended(client, picture.json())['id']}")
    return [*pages, *(f"/console/jobs/{ended(client, job)['id']}" for job in (report, event))]


@pytest.mark.parametrize("payload", PAYLOADS)
def test_a_text_that_is_a_script_is_shown_and_not_run(visiting: Visiting, console: Console, payload: str) -> None:
    dialogs: list[str] = []
    with console.client() as client:
        pages = evil_things(client, console.receivers.address, payload)
    query = httpx.QueryParams({"q": payload, "state": payload, "code": payload, "kind": payload, "next": payload})
    with visiting("owner") as visitor:
        visitor.tab.on("dialog", lambda dialog: dialogs.append(dialog.message))
        shown = 0
        for path in pages:
            assert visitor.goto(path).status == 200, path
            shown += payload in visitor.tab.locator("body").inner_text()
            links = visitor.tab.eval_on_selector_all("a", "links => links.map(link => link.protocol)")
            assert set(links) <= {"http:", "https:"}
        assert shown >= 3, f"{payload} is shown as it is"
        for path in ("/console/jobs", "/console/failures", "/console/webhooks", "/console/login", "/console/nothing"):
            visitor.goto(f"{path}?{query}")
    assert dialogs == []


FORM = "<form method=post action='{url}'><button>x</button></form><script>document.forms[0].submit()</script>"
FETCH = """<script>fetch('{url}', {{method: 'POST', mode: 'no-cors', credentials: 'include'}})
.finally(() => document.title = 'over')</script>"""


@pytest.mark.parametrize("attack", [FORM, FETCH], ids=["form", "fetch"])
def test_another_site_changes_nothing(visiting: Visiting, console: Console, attack: str) -> None:
    with console.client() as client:
        spec = {"document": {"title": "Mine"}, "blocks": [{"type": "text", "text": "Mine"}]}
        job = ended(client, posted(client, "/v1/reports", spec))
    url = f"{console.api}/console/jobs/{job['id']}/delete"
    with visiting("owner") as visitor:
        page = {"content_type": "text/html", "body": attack.format(url=url)}
        visitor.tab.route("http://evil.test/**", lambda route: route.fulfill(**page))
        visitor.tab.goto("http://evil.test/")
        visitor.tab.wait_for_function("document.title === 'over' || location.host !== 'evil.test'")
        visitor.faults.clear()  # browsers refuse some of it themselves
    with console.client() as client:
        assert client.get(f"/v1/jobs/{job['id']}").status_code == 200


def test_links_after_signing_in_lead_nowhere_else(visiting: Visiting, console: Console) -> None:
    for away in ("//evil.test/", "https://evil.test/", "javascript:alert(1)", "/\\evil.test", "\\\\evil.test"):
        with visiting(None) as visitor:
            visitor.tab.goto(f"{console.api}/console/login?{httpx.QueryParams({'next': away})}")
            visitor.tab.fill("input[name=key]", console.keys["owner"])
            visitor.tab.click("form.stack button")
            visitor.tab.wait_for_url(f"{console.api}/console")


def test_the_cookie_and_the_frame(visiting: Visiting, console: Console) -> None:
    with visiting("owner") as visitor:
        (cookie,) = [one for one in visitor.context.cookies() if one["name"] == "pressroom"]
        assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")
        assert console.keys["owner"] not in json.dumps(visitor.context.storage_state())
        assert console.keys["owner"] not in visitor.tab.content()
        answer: Any = visitor.goto("/console")
        policy = answer.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
