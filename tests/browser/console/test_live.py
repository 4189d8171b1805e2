"""Pages that follow what changes, and keys."""

import itertools

from tests.browser.console.conftest import Console, Visiting
from tools.console.filling import posted

TABS = 4


def test_rows_change_in_place_and_new_ones_are_counted(visiting: Visiting, console: Console) -> None:
    event = {"type": "stock.counted", "data": {"shop": 7}}
    with visiting() as visitor, console.client() as shop:
        tab = visitor.tab
        job = posted(shop, "/v1/events?delay=3", event)["id"]
        visitor.goto("/console/jobs")
        row = tab.locator(f'tr[data-job="{job}"]')
        rows = tab.locator("tr[data-job]").count()
        row.evaluate("row => { row.isTheSame = true }")
        posted(shop, "/v1/events", event)
        tab.locator("[data-new]").wait_for()
        assert any(digit in tab.locator("[data-new]").inner_text() for digit in "123456789")
        tab.locator(f'tr[data-job="{job}"][data-state="succeeded"]').wait_for()
        assert row.evaluate("row => row.isTheSame") is True
        assert tab.locator("tr[data-job]").count() == rows, "nothing moves under the reader"


FAST = """(() => {
  const now = Date.now.bind(Date), wait = setTimeout, began = now()
  Date.now = () => began + (now() - began) * 10
  self.setTimeout = (act, ms = 0, ...more) => wait(act, ms / 10, ...more)
})()"""
"""A page's clock, ten times as fast."""
TALKATIVE = """delete window.SharedWorker
self.EventSource = class extends EventSource {
  constructor(url) {
    super(url)
    const data = JSON.stringify({jobs: [{id: 'another', state: 'queued'}]})
    setInterval(() => this.dispatchEvent(new MessageEvent('jobs', {data})), 50)
  }
}"""
"""A stream that says twenty times a second that there is a new job, besides what the service says."""
LISTEN = """() => {
  self.spoken = []
  const regions = document.querySelectorAll('[aria-live], [role=status], [role=alert], [role=log]')
  const said = new Map()
  const hear = () => regions.forEach((one) => {
    const text = one.checkVisibility() ? one.textContent.trim() : ''
    if (text && text !== said.get(one)) spoken.push([Date.now(), text])
    said.set(one, text)
  })
  hear()
  const changes = {subtree: true, childList: true, characterData: true, attributes: true}
  new MutationObserver(hear).observe(document.body, changes)
}"""
"""When a screen reader would speak by itself, by the page's clock, and what."""
LEAST_QUIET_MS = 9_000
"""Ten seconds, but for what a busy machine is late with, ten times."""
FLOOD = 40
"""Jobs, one each second of that clock; a page shows 50."""


def test_a_screen_reader_is_not_talked_over(visiting: Visiting, console: Console) -> None:
    with visiting() as visitor, console.client() as shop:
        tab = visitor.tab
        for script in (FAST, TALKATIVE):
            tab.add_init_script(script)
        visitor.goto("/console/jobs")
        tab.evaluate(LISTEN)
        asked: list[str] = []
        tab.on("request", lambda request: asked.append(request.url))
        began = tab.evaluate("Date.now()")
        for n in range(FLOOD):
            posted(shop, "/v1/events", {"type": "stock.counted", "data": {"n": n}})
            tab.wait_for_function("moment => Date.now() >= moment", arg=began + 1000 * (n + 1))
        tab.wait_for_function("most => parseInt(spoken.at(-1)?.[1]) >= most", arg=FLOOD)
        spoken = tab.evaluate("spoken")
        assert len(spoken) >= 3
        quiet = [after[0] - before[0] for before, after in itertools.pairwise(spoken)]
        assert min(quiet) >= LEAST_QUIET_MS, spoken
        assert len(asked) > 2 * len(spoken), "the page has seen more than it says"


def test_all_tabs_share_one_stream(visiting: Visiting, console: Console) -> None:
    with visiting() as visitor, console.client() as shop:
        job = posted(shop, "/v1/events?delay=6", {"type": "stock.counted", "data": {}})["id"]
        streams: list[str] = []
        visitor.context.on("request", lambda request: streams.append(request.url) if "/live" in request.url else None)
        tabs = [visitor.tab, *(visitor.new_tab() for _ in range(TABS - 1))]
        for tab in tabs:
            tab.goto(f"{console.api}/console/jobs/{job}")
        for tab in tabs:
            tab.locator("main .badge", has_text="Succeeded").first.wait_for()
        assert len([url for url in streams if "/console/live?" in url or url.endswith("/console/live")]) <= 1


def test_keys_lead_through_the_pages(visiting: Visiting) -> None:
    with visiting() as visitor:
        tab = visitor.tab
        visitor.goto("/console/jobs")
        tab.keyboard.press("j")
        assert tab.evaluate("document.activeElement.closest('tr')?.dataset.job ?? ''")
        tab.keyboard.press("/")
        assert tab.evaluate("document.activeElement.tagName") == "INPUT"
        tab.keyboard.type("?gj")
        assert tab.evaluate("document.activeElement.value") == "?gj", "keys do nothing in a field"
        visitor.goto("/console/jobs")
        tab.keyboard.press("?")
        assert tab.locator("dialog[open]").count() == 1
        tab.keyboard.press("Escape")
        tab.keyboard.press("g")
        tab.keyboard.press("s")
        tab.wait_for_url("**/console/schedules")
