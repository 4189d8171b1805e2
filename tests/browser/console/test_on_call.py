"""Someone on call, with the pages alone: from what is wrong to its cause, and back to where everything moves."""

from typing import Any

from tests.browser.console.conftest import Console, Visiting
from tools.console.filling import BROKEN_ANSWER, posted

ENOUGH_TO_PARK = 8


def troubles(tab: Any, about: str) -> Any:
    """What the overview says of one thing."""
    return tab.locator(".trouble", has_text=about)


def test_an_endpoint_that_fails_is_found_seen_and_cured(visiting: Visiting, console: Console) -> None:
    console.receivers.down = True
    with console.client() as shop:
        for n in range(ENOUGH_TO_PARK):
            posted(shop, "/v1/events", {"type": "order.shipped", "data": {"parcel": n}})
    with visiting("admin") as visitor:
        tab = visitor.tab
        visitor.goto("/console")
        troubles(tab, "hooks/stock").wait_for()  # the page follows what changes
        troubles(tab, "hooks/stock").get_by_role("link", name="See the deliveries").click()
        tab.locator('tr[data-job][data-state="retrying"] a').first.click()
        shown = tab.locator("main").inner_text()
        assert "503" in shown
        assert BROKEN_ANSWER.decode() in shown, "what the receiver has answered"
        assert '"parcel"' in shown or '"order"' in shown, "what it was sent"
        console.receivers.down = False  # somebody repairs it
        visitor.goto("/console")
        troubles(tab, "hooks/stock").get_by_role("button", name="Un-park").click()
        troubles(tab, "hooks/stock").wait_for(state="detached")


def test_a_paused_queue_is_found_and_resumed(visiting: Visiting, console: Console) -> None:
    with visiting("admin") as visitor, console.client() as shop:
        tab = visitor.tab
        visitor.goto("/console/queues")
        tab.get_by_text("Pause reports").first.click()
        tab.locator("[open] form").get_by_role("textbox").fill("the disk is full")
        tab.locator("[open] form").get_by_role("button").click()
        spec = {"document": {"title": "Waits"}, "blocks": [{"type": "text", "text": "for the disk"}]}
        job = posted(shop, "/v1/reports", spec)
        visitor.goto("/console")
        trouble = troubles(tab, "reports")
        assert "the disk is full" in trouble.inner_text()
        assert "operator" in trouble.inner_text()
        trouble.get_by_role("button", name="Resume reports").click()
        ended = shop.get(f"/v1/jobs/{job['id']}", params={"wait": 20}).json()
        assert ended["state"] == "succeeded"
        visitor.goto("/console")
        assert troubles(tab, "reports").count() == 0
