"""Paths in destinations: a closed set of fields, and no way out of the prefix."""

from datetime import UTC, datetime

import pytest

from tasks.destinations.path import DEFAULT, MAX_PATH_BYTES, check_template, path_of
from tasks.kind import OutputFile
from tasks.refusal import Refusal

AT = datetime(2026, 11, 7, tzinfo=UTC)
FILE = OutputFile("small.jpg", "ab" * 32, "image/jpeg", 3, {"width": 256, "height": 171})


def made(template: str, file: OutputFile = FILE, owner: str = "acme") -> str:
    check_template(template)
    return path_of(template, job_id="1" * 32, owner=owner, file=file, at=AT)


def test_fields_are_filled_in() -> None:
    assert made(DEFAULT) == f"{'1' * 32}/small.jpg"
    assert made("{owner}/{year}/{month}/{day}/{variant}-{width}x{height}.{ext}") == "acme/2026/11/07/small-256x171.jpg"
    assert made("by=date/{date}/{name}") == "by=date/2026-11-07/small.jpg"


@pytest.mark.parametrize(
    "template",
    [
        *("", "/{name}", "{name}/", "a//{name}", "../{name}", "a/../{name}", "./{name}", "a/./{name}", "..", "."),
        *(
            "{nam}/{name}",
            "{job.__class__}{name}",
            "{name!r}",
            "{name:>9}",
            "{}{name}",
            "{0}{name}",
            "{{name}}",
            "{name",
        ),
        *("fixed.jpg", "{job}", "{width}x{height}.{ext}"),
        *("a b/{name}", "a?{name}", "a#{name}", "a%2e%2e/{name}", "a\\{name}", "a\n{name}", "é/{name}", "a\x00{name}"),
        "{name}" * 100,
    ],
)
def test_other_templates_are_refused(template: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_template(template)
    assert (refused.value.code, refused.value.field) == ("invalid_request", "path")


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("../../etc/passwd", "a/.._.._etc_passwd"),
        ("a/b.jpg", "a/a_b.jpg"),
        ("größe?x=1#y.jpg", "a/gr_e_x=1_y.jpg"),
        ("%2e%2e%2f.jpg", "a/_2e_2e_2f.jpg"),
        ("\r\nX: y.jpg", "a/_X_y.jpg"),
        ("{job}.jpg", "a/_job_.jpg"),
    ],
)
def test_a_value_is_part_of_one_segment(name: str, path: str) -> None:
    assert made("a/{name}", OutputFile(name, FILE.blob, FILE.type, 3)) == path


@pytest.mark.parametrize("name", ["..", ".", "x" * (MAX_PATH_BYTES + 1)])
def test_a_value_that_leads_elsewhere_or_is_too_long_is_refused(name: str) -> None:
    with pytest.raises(Refusal) as refused:
        made("a/{name}", OutputFile(name, FILE.blob, FILE.type, 3))
    assert refused.value.code == "destination_refused"
