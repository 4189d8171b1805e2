"""The console by keyboard alone."""

from tests.browser.console.conftest import Visiting

FOCUSED = """() => {
  const at = document.activeElement
  const {outlineStyle, outlineWidth} = getComputedStyle(at)
  const isSeen = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2
  return at === document.body ? null : [`${at.nodeName} ${at.className} ${at.textContent.slice(0, 30)}`, isSeen]
}"""
MOST_STOPS = 200


def test_one_gets_from_the_list_to_a_job_and_sees_where_one_is(visiting: Visiting) -> None:
    with visiting() as visitor:
        tab = visitor.tab
        visitor.goto("/console/jobs")
        tab.keyboard.press("j")
        tab.keyboard.press("Enter")
        tab.wait_for_url("**/console/jobs/*")
        unseen, stops = [], 0
        for _ in range(MOST_STOPS):
            tab.keyboard.press("Tab")
            focused = tab.evaluate(FOCUSED)
            if focused is None:
                break
            stops += 1
            unseen += [] if focused[1] else [focused[0]]
        assert stops > 10
        assert unseen == []
        tab.locator("[data-help]").focus()
        tab.keyboard.press("Enter")
        assert tab.locator("dialog[open]").count() == 1
        tab.keyboard.press("Escape")
        assert tab.evaluate("document.activeElement.hasAttribute('data-help')"), "where one was before"
