"""The console by keyboard alone: each flow, and where one is."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.console.conftest import Console, Visiting
from tests.browser.console.test_pages import pages_of
from tests.browser.console.test_reading import small_picture
from tools.console.filling import upload

FOCUSED = """() => {
  const at = document.activeElement
  if (at === document.body) return []
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number)
  const light = (colour) => {
    const parts = numbers(colour).slice(0, 3).map((one) => one / 255)
    const [red, green, blue] = parts.map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
  }
  let ground = at.parentElement
  while (ground && numbers(getComputedStyle(ground).backgroundColor)[3] === 0) ground = ground.parentElement
  const {outlineStyle, outlineWidth, outlineColor} = getComputedStyle(at)
  const behind = ground ? getComputedStyle(ground).backgroundColor : 'rgb(255, 255, 255)'
  const [less, more] = [light(outlineColor), light(behind)].sort((one, other) => one - other)
  const {top, bottom} = at.getBoundingClientRect()
  const faults = []
  if (outlineStyle === 'none' || parseFloat(outlineWidth) < 2) faults.push('no outline of 2 px')
  if ((more + 0.05) / (less + 0.05) < 3) faults.push(`${outlineColor} on ${behind}`)
  if (bottom <= 0 || top >= innerHeight) faults.push('out of sight')
  return faults.map((fault) => `${at.nodeName} ${at.className} ${at.textContent.trim().slice(0, 30)}: ${fault}`)
}"""
"""What is wrong with how the focus is shown: WCAG 2.4.7, 2.4.11 and 1.4.11."""
EACH_FOCUSED = f"""() => {{
  const faults = {FOCUSED}
  const all = document.querySelectorAll('a[href], button, input, select, textarea, summary, [tabindex="0"]')
  return [...all].filter((one) => one.checkVisibility() && !one.disabled && one.type !== 'hidden').flatMap((one) => {{
    one.focus({{focusVisible: true}})
    return document.activeElement === one ? faults() : [`${{one.outerHTML}} takes no focus`]
  }})
}}"""
MOST_STOPS, MOST_BACK = 200, 8


class Hands:
    """A tab that is used by its keys alone."""

    def __init__(self, tab: Any) -> None:
        self.tab = tab
        self.faults: list[str] = []

    def reach(self, target: Any) -> None:
        """Press Tab until one is there."""
        target.wait_for()
        for _ in range(MOST_STOPS):
            is_there, faults = target.evaluate(f"one => [one === document.activeElement, ({FOCUSED})()]")
            if is_there:
                return
            self.faults += faults
            self.tab.keyboard.press("Tab")
        raise AssertionError(f"{target} is not reached by Tab on {self.tab.url}")

    def activate(self, target: Any, key: str = "Enter") -> None:
        """Get to a button, link or field, and press a key."""
        self.reach(target)
        self.tab.keyboard.press(key)

    def write(self, target: Any, text: str) -> None:
        """Get to a field, and write into it what it has from then on."""
        self.reach(target)
        self.tab.keyboard.press("Control+a")
        self.tab.keyboard.type(text)

    def leave(self, act: Callable[[], None]) -> None:
        """Do what leads to another page, and wait for it."""
        with self.tab.expect_navigation():
            act()


def test_one_signs_in_finds_a_job_and_deletes_it(visiting: Visiting, console: Console) -> None:
    with console.client() as shop, visiting(None) as visitor:
        job = upload(shop, "by-hand.jpg", small_picture())["id"]
        tab = visitor.tab
        hands = Hands(tab)
        visitor.goto("/console/login")
        tab.keyboard.type(console.keys["owner"])  # the field has the focus
        hands.leave(lambda: tab.keyboard.press("Enter"))
        for key in "gj":
            tab.keyboard.press(key)
        tab.wait_for_url("**/console/jobs")
        tab.keyboard.press("/")
        tab.keyboard.type("by-hand")
        hands.leave(lambda: tab.keyboard.press("Enter"))
        hands.activate(tab.get_by_role("checkbox", name="by-hand.jpg"), "Space")
        hands.leave(lambda: hands.activate(tab.locator("main").get_by_role("link", name="by-hand.jpg")))
        assert tab.url.split("?")[0].endswith(job)
        hands.leave(lambda: hands.activate(tab.locator(".crumbs a").first))
        hands.activate(tab.get_by_role("checkbox", name="by-hand.jpg"), "Space")
        for _ in range(MOST_BACK):
            tab.keyboard.press("Shift+Tab")
        hands.leave(lambda: hands.activate(tab.locator("#chosen button[value=delete]")))
        hands.leave(lambda: hands.activate(tab.locator("main button.destroys")))
        assert tab.locator("main .bar.succeeded").is_visible()
        assert shop.get(f"/v1/jobs/{job}").status_code in (404, 410)
        assert hands.faults == []


def test_one_uploads_a_picture_and_publishes_an_event(visiting: Visiting, console: Console) -> None:
    with visiting() as visitor:
        tab = visitor.tab
        hands = Hands(tab)
        visitor.goto("/console/try")
        with tab.expect_file_chooser() as chooser:
            hands.activate(tab.locator("input[type=file]"))
        chooser.value.set_files({"name": "key.jpg", "mimeType": "image/jpeg", "buffer": small_picture()})
        hands.leave(lambda: hands.activate(tab.locator("form[data-drop] button.primary")))
        tab.locator("main .checker img").first.wait_for()
        visitor.goto("/console/try/event")
        hands.write(tab.locator("main [name=type]"), "key.pressed")
        hands.leave(lambda: hands.activate(tab.locator("main form button.primary")))
        assert "key.pressed" in tab.locator(".sent h2").inner_text()
        assert hands.faults == []


def test_one_makes_an_endpoint_and_deletes_it(visiting: Visiting, console: Console) -> None:
    with visiting() as visitor:
        tab = visitor.tab
        hands = Hands(tab)
        visitor.goto("/console/webhooks")
        hands.leave(lambda: hands.activate(tab.get_by_role("link", name="New endpoint")))
        hands.write(tab.locator("[name=url]"), f"{console.receivers.address}/ok")
        hands.write(tab.locator("[name=events]"), "key.*")
        hands.leave(lambda: hands.activate(tab.get_by_role("button", name="Create")))
        assert tab.locator("input.secret").first.input_value().startswith("whsec_")
        hands.leave(lambda: hands.activate(tab.locator("main a.button").last))
        hands.leave(lambda: hands.activate(tab.get_by_role("button", name="Send test event")))
        hands.leave(lambda: hands.activate(tab.get_by_role("link", name="Delete")))
        hands.leave(lambda: hands.activate(tab.locator("main button.destroys")))
        assert tab.locator("main .bar.succeeded").is_visible()
        assert hands.faults == []


def test_one_pauses_a_queue_resumes_it_and_changes_the_theme(visiting: Visiting, console: Console) -> None:
    with visiting("admin") as visitor:
        tab = visitor.tab
        hands = Hands(tab)
        visitor.goto("/console/queues")
        hands.activate(tab.locator("main summary", has_text="Pause reports"))
        hands.write(tab.locator("[open] [name=reason]"), "by hand")
        hands.leave(lambda: hands.activate(tab.locator("[open] form button.destroys")))
        assert "by hand" in tab.locator(".trouble").first.inner_text()
        hands.leave(lambda: hands.activate(tab.get_by_role("button", name="Resume reports")))
        hands.activate(tab.locator("nav summary"))
        hands.reach(tab.locator("[name=theme]"))
        tab.keyboard.type("Dark")
        hands.leave(lambda: hands.activate(tab.get_by_role("button", name="Apply")))
        assert tab.locator("html").get_attribute("data-theme") == "dark"
        assert hands.faults == []


def test_help_gives_the_focus_back(visiting: Visiting) -> None:
    with visiting() as visitor:
        tab = visitor.tab
        visitor.goto("/console/jobs")
        tab.locator("[data-help]").focus()
        for close in ("Escape", "Enter"):
            tab.keyboard.press("Enter")
            assert tab.locator("dialog[open]").count() == 1
            assert tab.evaluate("!!document.activeElement.closest('dialog')"), "it is where one reads"
            tab.keyboard.press(close)
            assert tab.locator("dialog[open]").count() == 0
            assert tab.evaluate("document.activeElement.hasAttribute('data-help')"), "where one was before"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_focus_is_seen_wherever_it_is(visiting: Visiting, console: Console, scheme: str) -> None:
    found: list[str] = []
    for role, paths in (("owner", pages_of(console)), ("admin", ["/console", "/console/queues", "/console/audit"])):
        with visiting(role, color_scheme=scheme) as visitor:
            for path in paths:
                visitor.goto(path)
                found += [f"{path}: {fault}" for fault in visitor.tab.evaluate(EACH_FOCUSED)]
    assert found == []
