"""The filter of the jobs: each of its fields, and the URL that keeps it, with scripts and without."""

from typing import Any

import httpx
import pytest

from tests.browser.console.conftest import Console, Visiting, Visitor
from tests.browser.console.test_reading import small_picture
from tools.console.filling import ended, posted

ROWS = 50


def submitted(shop: httpx.Client, **query: str) -> dict[str, Any]:
    """A picture's job with a tag or a batch, once it has ended."""
    files = {"file": ("vase.jpg", small_picture())}
    return ended(shop, shop.post("/v1/images", files=files, params=query).raise_for_status().json())


def filters(console: Console, shop: httpx.Client) -> dict[str, str]:
    """A criterion for each field of the form."""
    batch = posted(shop, "/v1/batches", {})["id"]
    job = submitted(shop, tags="spring", batch=batch)
    failed = shop.get(f"/v1/jobs/{console.filled.failed}").json()
    return {
        "q": "harbour",
        "kind": "report",
        "queue": "media",
        "tag": "spring",
        "code": failed["error"]["code"],
        "worker": job["attempts"][-1]["worker"],
        "endpoint": console.filled.endpoint,
        "batch": batch,
        "schedule": console.filled.schedule,
        "since": "1h",
        "until": failed["finished_at"],
    }


def shown(visitor: Visitor) -> list[str]:
    """The ids of the jobs that a page lists."""
    ids: list[str] = visitor.tab.locator("tr[data-job]").evaluate_all("all => all.map(one => one.dataset.job)")
    return ids


def query_of(visitor: Visitor) -> dict[str, str]:
    """What the URL has that is not empty."""
    return {name: text for name, text in httpx.URL(visitor.tab.url).params.items() if text}


def fill_in(visitor: Visitor, name: str, text: str) -> None:
    """Fill in one field of the form, and send it."""
    form = visitor.tab.locator("form.jobs-filter")
    field = form.locator(f"[name={name}]")
    if not field.is_visible():
        form.locator("summary").click()
    if field.evaluate("one => one.nodeName") == "SELECT":
        field.select_option(text)
    else:
        field.fill(text)
    with visitor.tab.expect_navigation():
        form.locator("button.primary").click()


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_each_field_narrows_the_list_and_is_in_the_url(visiting: Visiting, console: Console, scripts: bool) -> None:
    with console.client() as shop, visiting(java_script_enabled=scripts) as visitor, visiting() as colleague:
        criteria = filters(console, shop)
        everything = shop.get("/v1/jobs", params={"limit": ROWS}).json()
        visitor.goto("/console/jobs")
        fields = (
            visitor.tab.locator("form.jobs-filter")
            .locator("input, select")
            .evaluate_all("all => all.map(one => one.name)")
        )
        assert set(fields) == set(criteria), "a new field is judged here, too"
        for name, text in criteria.items():
            visitor.goto("/console/jobs")
            fill_in(visitor, name, text)
            assert query_of(visitor) == {name: text}
            found = shown(visitor)
            if name != "since":
                listed = shop.get("/v1/jobs", params={name: text, "limit": ROWS}).json()["jobs"]
                assert found == [job["id"] for job in listed], name
            assert found, name
            assert name == "since" or found != [job["id"] for job in everything["jobs"]], name
            assert visitor.tab.locator(f"form.jobs-filter [name={name}]").input_value() == text, "it stays to be read"
        together = {name: criteria[name] for name in ("kind", "queue", "tag", "batch", "since")} | {"kind": "thumbnail"}
        visitor.goto("/console/jobs")
        for name, text in together.items():
            fill_in(visitor, name, text)
        found = shown(visitor)
        assert len(found) == 1
        visitor.tab.reload()
        colleague.tab.goto(visitor.tab.url)
        for one in (visitor, colleague):  # reloaded, and pasted into another browser
            assert shown(one) == found
            assert query_of(one) == together
            kept = {name: one.tab.locator(f"form.jobs-filter [name={name}]").input_value() for name in together}
            assert kept == together


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_back_and_forward_lead_through_the_filters(visiting: Visiting, console: Console, scripts: bool) -> None:
    failed = console.filled.failed
    with visiting(java_script_enabled=scripts) as visitor:
        tab = visitor.tab
        visitor.goto("/console/jobs")
        fill_in(visitor, "kind", "thumbnail")
        tab.locator('.states a[href*="state=failed"]').click()
        tab.wait_for_url("**state=failed**")
        fill_in(visitor, "q", "scan-18")
        assert query_of(visitor) == {"kind": "thumbnail", "state": "failed", "q": "scan-18"}, "what was chosen stays"
        assert shown(visitor) == [failed]
        tab.go_back()
        assert query_of(visitor) == {"kind": "thumbnail", "state": "failed"}
        assert tab.locator("form.jobs-filter [name=q]").input_value() == ""
        assert len(shown(visitor)) > 1
        tab.go_back()
        assert query_of(visitor) == {"kind": "thumbnail"}
        assert tab.locator("form.jobs-filter [name=kind]").input_value() == "thumbnail"
        tab.go_forward()
        tab.go_forward()
        assert shown(visitor) == [failed]
        assert tab.locator("form.jobs-filter [name=q]").input_value() == "scan-18"
        tab.locator(f'tr[data-job="{failed}"] a').first.click()
        tab.locator(".crumbs a").first.click()
        assert query_of(visitor) == {"kind": "thumbnail", "state": "failed", "q": "scan-18"}, "the page of a job, too"
        tab.get_by_role("link", name="Clear filters").click()
        assert query_of(visitor) == {}
        visitor.goto("/console/jobs?q=nothing-has-this-name")
        assert tab.locator(".empty").get_by_role("link", name="Clear filters").is_visible()
