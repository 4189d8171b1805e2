import pytest

from tasks.refusal import Refusal
from tasks.report.fonts.face import faces
from tasks.report.layout.column_flow import ColumnFlow
from tasks.report.layout.flow import Draw, Flow, Geometry
from tasks.report.layout.theme import ReportTheme
from tasks.report.pdf.canvas import Canvas
from tasks.report.spec.structs import ThemeSpec

PAPER = Geometry(200, 140, 20, 10, 20, 10)  # 180 × 100 points of content
THEME = ReportTheme(ThemeSpec(), faces("en", lambda _: pytest.fail("missing")))


class Warned(list[tuple[str, str]]):
    def __call__(self, code: str, message: str) -> None:
        self.append((code, message))


@pytest.fixture
def warned() -> Warned:
    return Warned()


@pytest.fixture
def flow(warned: Warned) -> Flow:
    return Flow(PAPER, THEME, warned, max_pages=5)


def box(name: str) -> Draw:
    def draw(canvas: Canvas, x: float, y: float) -> None:
        raise AssertionError(name)

    draw.__name__ = name
    return draw


def places(flow: Flow) -> list[list[tuple[str, float]]]:
    """What is on each page, and how far below the page's top."""
    return [[(box.draw.__name__, round(box.y, 2)) for box in page.boxes] for page in flow.pages]


def test_boxes_stand_under_each_other_and_go_on_over_pages(flow: Flow) -> None:
    for name in "abcde":
        flow.place(40, box(name))
    assert places(flow) == [[("a", 20), ("b", 60)], [("c", 20), ("d", 60)], [("e", 20)]]
    assert flow.room() == 60


def test_space_stands_between_boxes_not_at_the_top_of_a_page(flow: Flow) -> None:
    for name in "abc":
        flow.place(40, box(name), space_before=10)
    assert places(flow) == [[("a", 20), ("b", 70)], [("c", 20)]]


def test_a_box_that_fills_the_page_to_the_last_point_fits(flow: Flow) -> None:
    for name in "abcdefghij":
        flow.place(10.0000001, box(name))
    assert len(flow.pages) == 1


def test_a_heading_goes_with_what_follows_it(flow: Flow) -> None:
    flow.place(60, box("text"))
    flow.outline("Heading", 1)
    flow.place(20, box("heading"), space_before=10, keep_with_next=True)
    flow.place(15, box("table"), space_before=10)
    assert places(flow) == [[("text", 20)], [("heading", 20), ("table", 45)]]
    assert [(mark.page, mark.y) for mark in flow.marks] == [(1, 20)]


def test_headings_in_a_row_go_together_and_close_to_what_they_belong_to(flow: Flow) -> None:
    flow.place(50, box("text"))
    flow.place(20, box("h1"), space_before=10, keep_with_next=True)
    flow.place(10, box("h2"), space_before=8, keep_with_next=True)
    flow.place(30, box("table"), space_before=10)
    assert places(flow) == [[("text", 20)], [("h1", 20), ("h2", 44), ("table", 59)]]


def test_who_asks_for_a_new_page_takes_its_heading_along(flow: Flow) -> None:
    flow.place(30, box("text"))
    flow.place(20, box("heading"), space_before=10, keep_with_next=True)
    flow.new_page()
    assert flow.room() == 80
    flow.place(80, box("table"))
    assert places(flow) == [[("text", 20)], [("heading", 20), ("table", 40)]]


def test_a_heading_alone_on_its_page_stays_there(flow: Flow) -> None:
    flow.place(20, box("heading"), keep_with_next=True)
    flow.place(100, box("table"))
    assert places(flow) == [[("heading", 20)], [("table", 20)]]


def test_what_is_kept_together_but_fits_on_no_page_is_parted(flow: Flow) -> None:
    flow.place(30, box("text"))
    for name in "abcd":
        flow.place(17, box(name), keep_with_next=True)
    flow.place(60, box("table"))
    assert places(flow) == [[("text", 20)], [("a", 20), ("b", 37), ("c", 54), ("d", 71)], [("table", 20)]]


def test_a_box_higher_than_a_page_is_cut_off_and_told_of(flow: Flow, warned: Warned) -> None:
    flow.place(10, box("a"))
    flow.place(250, box("tall"))
    flow.place(10, box("b"))
    assert [len(page.boxes) for page in flow.pages] == [1, 1, 1]
    assert flow.pages[1].boxes[0].height == 100
    assert [code for code, _ in warned] == ["clipped"]


def test_other_orientations_have_pages_of_their_own(flow: Flow) -> None:
    flow.place(10, box("before"))
    with flow.turned("portrait"):
        assert (flow.width, flow.full_height()) == (120, 160)
        flow.place(10, box("inside"))
    flow.place(10, box("after"))
    assert places(flow) == [[("before", 20)], [("inside", 20)], [("after", 20)]]
    assert [page.geometry.orientation for page in flow.pages] == ["landscape", "portrait", "landscape"]


def test_the_same_orientation_begins_no_page(flow: Flow) -> None:
    flow.place(10, box("before"))
    with flow.turned("landscape"):
        flow.place(10, box("inside"))
    assert len(flow.pages) == 1


def test_no_page_stays_empty_where_the_orientation_changes(flow: Flow) -> None:
    flow.place(10, box("before"))
    flow.new_page()
    with flow.turned("portrait"):
        flow.place(10, box("inside"))
    with flow.turned("portrait"):
        flow.place(10, box("again"))
    assert [[name for name, _ in page] for page in places(flow)] == [["before"], ["inside"], ["again"]]


def test_more_pages_than_the_limit_are_refused(flow: Flow) -> None:
    for name in "abcde":
        flow.place(100, box(name))
    with pytest.raises(Refusal) as caught:
        flow.place(100, box("f"))
    assert (caught.value.code, caught.value.limit) == ("too_many_pages", 5)


def test_a_column_grows_and_never_breaks(flow: Flow, warned: Warned) -> None:
    column = ColumnFlow(flow, 80)
    column.outline("Heading", 2)
    column.place(20, box("heading"), keep_with_next=True)
    column.place(500, box("text"), space_before=10)
    column.new_page()
    with column.turned("portrait"):
        column.place(10, box("more"), space_before=10)
    assert (column.width, column.height) == (80, 20 + 5 + 500 + 10 + 10)
    assert [code for code, _ in warned] == ["not_turned"]
    assert [mark.offset for mark in column.marks] == [0]
