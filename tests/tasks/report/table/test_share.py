"""How widths are shared, in points."""

import pytest

from tasks.report.table.share import Demand, key_columns, share, slices

NUMBER = Demand(60, 60, 60, 60)
TEXT = Demand(40, 60, 120, 300)
FLEX = Demand(40, 60, 120, 300, "flex")
FIXED = Demand(80, 80, 80, 80, "fixed")


@pytest.mark.parametrize("room", [100, 140, 200, 230, 400, 700, 2000])
@pytest.mark.parametrize(
    "demands",
    [[NUMBER, TEXT], [TEXT, TEXT], [NUMBER, FLEX], [FIXED, FLEX, TEXT], [FIXED, FIXED], [FLEX, FLEX, NUMBER]],
    ids=lambda demands: "+".join(demand.kind for demand in demands),
)
def test_widths_fit_and_none_is_under_its_bare_minimum(demands: list[Demand], room: float) -> None:
    if sum(demand.bare for demand in demands) > room:
        with pytest.raises(ValueError, match="do not fit"):
            share(demands, room)
        return
    widths = share(demands, room)
    assert sum(widths) <= room + 1e-9
    assert all(width >= demand.bare - 1e-9 for width, demand in zip(widths, demands, strict=True))


def test_numbers_keep_their_width_while_texts_give_way() -> None:
    assert share([NUMBER, TEXT], 150) == pytest.approx([60, 90])


def test_texts_give_way_together() -> None:
    assert share([TEXT, TEXT], 180) == pytest.approx([90, 90])


def test_columns_of_short_words_keep_them_whole() -> None:
    short, long = Demand(20, 40, 40, 40), Demand(30, 200, 300, 400)
    assert share([short, long, short], 200) == pytest.approx([40, 120, 40])
    assert share([short, long, long], 150) == pytest.approx([40, 55, 55])


def test_a_flexible_column_gives_way_before_others() -> None:
    assert share([TEXT, FLEX], 380) == pytest.approx([300, 80])


def test_spare_room_goes_to_flexible_columns() -> None:
    assert share([NUMBER, TEXT, FLEX], 760) == pytest.approx([60, 300, 400])


def test_without_flexible_columns_all_but_fixed_ones_grow_alike() -> None:
    assert share([NUMBER, FIXED, TEXT], 620) == pytest.approx([90, 80, 450])


def test_few_narrow_columns_do_not_fill_a_wide_page() -> None:
    assert sum(share([NUMBER, NUMBER], 2000)) == pytest.approx(480)


def test_pages_side_by_side_repeat_the_key_column_and_are_evenly_filled() -> None:
    pages = slices([60.0] * 60, 487)
    assert all(page[0] == 0 for page in pages)
    assert sorted(index for page in pages for index in page if index) == list(range(1, 60))
    assert {len(page) for page in pages} == {7, 8}


def test_a_wide_first_column_is_not_repeated() -> None:
    assert key_columns([200, 60], 487) == ()
    assert slices([300, 200, 200, 200], 487) == ((0,), (1, 2), (3,))


def test_a_column_wider_than_the_page_has_a_page_of_its_own() -> None:
    assert slices([100, 900, 100, 100], 487) == ((0, 1), (0, 2, 3))
