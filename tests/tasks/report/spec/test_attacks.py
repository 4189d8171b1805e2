"""What a hostile spec may try, and that it is refused where it says so, before anything is drawn."""

from typing import Any

import pytest
from pydantic import ValidationError

from tasks.report.spec.document import Spec

CHART = {"type": "chart", "kind": "bar", "categories": ["a"], "series": [{"values": [1]}]}

CHARTS: dict[str, tuple[dict[str, Any], str]] = {
    "a number beyond all measure": ({"series": [{"values": [1e308]}]}, "values"),
    "no number": ({"series": [{"values": [float("nan")]}]}, "values"),
    "an infinite number": ({"series": [{"values": [float("inf")]}]}, "values"),
    "100,000 categories": ({"categories": ["a"] * 100_000, "series": [{"values": [1] * 100_000}]}, "categories"),
    "a negative slice": ({"kind": "pie", "series": [{"values": [-1]}]}, "negative"),
    "a call for a colour": ({"series": [{"values": [1], "colour": "setColors(red='blue')"}]}, "colour"),
    "5,000 parentheses for a colour": ({"series": [{"values": [1], "colour": "(" * 5_000}]}, "colour"),
}

PAPERS: dict[str, tuple[dict[str, Any], str]] = {
    "a page of a point": ({"size": [1, 1]}, "size"),
    "a negative page": ({"size": [-100, 400]}, "size"),
    "a page that is no number": ({"size": [float("nan"), 400]}, "size"),
    "a page of a million points": ({"size": [1e6, 400]}, "size"),
    "margins wider than the page": ({"margins": {"left": 500, "right": 500}}, "margins"),
}


def spec(document: dict[str, Any], block: dict[str, Any]) -> Spec:
    return Spec.model_validate({"document": {"title": "x", **document}, "blocks": [block]})


def test_the_sound_ones_beside_them_are_taken() -> None:
    assert spec({"page": {"size": [400, 400]}}, CHART).blocks[0].type == "chart"


@pytest.mark.parametrize(("change", "named"), CHARTS.values(), ids=CHARTS)
def test_a_hostile_chart_is_refused_by_name(change: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        spec({}, CHART | change)


@pytest.mark.parametrize(("page", "named"), PAPERS.values(), ids=PAPERS)
def test_hostile_paper_is_refused_by_name(page: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        spec({"page": page}, {"type": "rule"})
