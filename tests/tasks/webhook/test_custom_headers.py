"""Headers that an endpoint may add: none that frames the request, says who sends it, or splits it."""

import pytest

from tasks.refusal import Refusal
from tasks.webhook.custom_headers import MAX_BYTES, MAX_HEADERS, OUR_BEGINNINGS, OURS, check_headers


def refused(headers: dict[str, str]) -> Refusal:
    with pytest.raises(Refusal) as refusal:
        check_headers(headers)
    assert refusal.value.code == "invalid_request"
    return refusal.value


def test_headers_of_gateways_are_fine() -> None:
    check_headers({})
    check_headers({"Authorization": "Bearer abc.def==", "X-Api-Key": "k", "x_team!": 'a "quoted", list; of=things'})
    check_headers({f"X-{number}": "value" for number in range(MAX_HEADERS)})


@pytest.mark.parametrize("name", sorted(OURS))
def test_ours_are_not_to_be_had_in_any_case(name: str) -> None:
    for written in (name, name.title(), name.upper()):
        assert refused({"X-Fine": "1", written: "1"}).field == f"headers.{written}"


@pytest.mark.parametrize("beginning", OUR_BEGINNINGS)
def test_neither_are_families_of_ours(beginning: str) -> None:
    assert refused({f"{beginning.title()}Anything": "1"}).field == f"headers.{beginning.title()}Anything"


@pytest.mark.parametrize("name", ["", " ", "X Team", "X-Team:", "X-Team\r\nHost", "Überschrift", "X\0", "a,b", "(a)"])
def test_a_name_is_a_token(name: str) -> None:
    assert refused({name: "1"}).field == "headers"


@pytest.mark.parametrize(
    "value", ["", " ", " a", "a ", "a\r\nHost: b", "a\nb", "a\tb", "a\0b", "ü", "a\x7f", "a\x85b", "a\u2028b"]
)
def test_a_value_is_ascii_that_can_be_seen(value: str) -> None:
    assert refused({"X-Team": value}).field == "headers.X-Team"


def test_a_name_comes_once_whatever_its_case() -> None:
    assert refused({"X-Team": "a", "x-team": "b"}).field == "headers.x-team"


def test_there_is_a_limit_to_how_many_and_how_much() -> None:
    assert refused({f"X-{number}": "v" for number in range(MAX_HEADERS + 1)}).limit == MAX_HEADERS
    check_headers({"X": "v" * (MAX_BYTES - 1)})
    assert refused({"X": "v" * MAX_BYTES}).limit == MAX_BYTES
