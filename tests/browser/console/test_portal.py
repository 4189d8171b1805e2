"""The portal in a browser: a customer's way from the link to a delivery that is sent again, with scripts and without,
on a phone and a screen, in light and dark."""

from typing import Any

import httpx
import pytest

from tests.browser.console.conftest import Console, Visiting, Visitor
from tests.browser.console.test_pages import faults, violations
from tools.console.filling import ended, posted

CHANNEL = "customer-17"


def link_of(client: httpx.Client) -> str:
    return str(posted(client, "/v1/portal-links", {"channel": CHANNEL})["url"])


def enter(visitor: Visitor, link: str) -> None:
    """Open a link, and press its button."""
    visitor.goto(httpx.URL(link).path)
    visitor.tab.locator("main button.primary").click()
    visitor.tab.wait_for_url("**/portal/webhooks")


def failed_delivery(console: Console, client: httpx.Client) -> tuple[str, str]:
    """An endpoint of the channel, and a delivery to it that was given up."""
    body = {"url": f"{console.receivers.address}/hooks/portal", "events": ["parcel.*"], "channel": CHANNEL}
    endpoint = posted(client, "/v1/endpoints", body)["id"]
    delivery = posted(client, f"/v1/endpoints/{endpoint}/test", {})
    return endpoint, str(ended(client, {"state": "", **delivery})["id"])


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without"])
def test_a_customer_gets_from_the_link_to_a_delivery_that_arrives(
    visiting: Visiting, console: Console, scripts: bool
) -> None:
    console.receivers.down = True
    with console.client() as shop, visiting(None, java_script_enabled=scripts) as visitor:
        tab = visitor.tab
        enter(visitor, link_of(shop))
        tab.locator('a[href="/portal/webhooks/new"]').first.click()
        tab.fill("input[name=url]", f"{console.receivers.address}/hooks/of-customer")
        tab.locator("[name=events]").fill("parcel.sent")
        tab.locator("main form button.primary").click()
        assert "whsec_" in tab.content(), "the secret is shown once"
        tab.locator("main a.button").last.click()
        assert "whsec_" not in tab.content()
        (endpoint,) = [
            one["id"]
            for one in shop.get("/v1/endpoints", params={"channel": CHANNEL}).json()["endpoints"]
            if one["url"].endswith("of-customer")
        ]
        page = f"/portal/webhooks/{endpoint}"
        visitor.goto(page)
        tab.locator(f'form[action^="{page}/test"] button').click()
        tab.locator("[role=status]", has_text="503").wait_for()
        console.receivers.down = False  # the customer repairs the receiver
        tab.locator(f'form[action*="{page}/deliveries/"][action$="/resend"] button').first.click()
        tab.locator("[role=status]").wait_for()
        (delivery,) = shop.get("/v1/deliveries", params={"endpoint": endpoint}).json()["deliveries"]
        assert ended(shop, delivery)["state"] == "succeeded"
        visitor.goto(f"/portal/jobs/{delivery['id']}")
        assert "204" in tab.locator("main").inner_text()
        shop.delete(f"/v1/endpoints/{endpoint}").raise_for_status()
    console.receivers.down = True


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_its_pages_are_whole_and_accessible(visiting: Visiting, console: Console, scheme: Any) -> None:
    with console.client() as shop, visiting(None, color_scheme=scheme) as visitor:
        link = httpx.URL(link_of(shop)).path
        found = faults(visitor, link) + violations(visitor.tab)
        endpoint, delivery = failed_delivery(console, shop)
        enter(visitor, link)
        page = f"/portal/webhooks/{endpoint}"
        for width in (320, 1280):
            visitor.tab.set_viewport_size({"width": width, "height": 900})
            paths = ("/portal/webhooks", "/portal/webhooks/new", page, f"{page}/edit", f"{page}/secret")
            for path in (*paths, f"{page}/deletion", f"/portal/jobs/{delivery}"):
                found += faults(visitor, path) + violations(visitor.tab)
        shop.delete(f"/v1/endpoints/{endpoint}").raise_for_status()
        visitor.goto("/portal/webhooks")
        found += violations(visitor.tab)
    assert found == []
