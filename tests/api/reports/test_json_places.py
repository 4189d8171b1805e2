"""The line of a field in a JSON text."""

import json

import pytest

from api.reports.json_places import line_of, lines_of

TEXT = """{
  "a": {"b": 1,
    "c": [ 10, {"d": "}"},
      {"e\\u0301": null} ]
  },
  "f": true
}"""


@pytest.mark.parametrize(
    ("path", "line"),
    [("a", 2), ("a.c", 3), ("a.c.1.d", 3), ("a.c.2.e\u0301", 4), ("f", 6), ("a.missing", 2), ("g", 1), ("f.0", 6)],
)
def test_a_field_is_found_or_what_should_have_it(path: str, line: int) -> None:
    assert line_of(TEXT, path) == line


def test_the_fields_of_a_problem_have_lines_if_the_text_is_json() -> None:
    problem = {"field": "job.f", "errors": [{"field": "job.a.c"}, {"message": "no field"}]}
    assert lines_of(TEXT, problem, inside="job.") == {"job.f": 6, "job.a.c": 3}
    assert lines_of('{"f": ', problem) == {}
    assert lines_of(TEXT, None) == {}


def test_lines_are_looked_for_of_the_first_fields_alone() -> None:
    """Each walks through the whole text, and all other requests wait."""
    text = json.dumps({f"f{n}": n for n in range(50)}, indent=1)
    problem = {"field": "f0", "errors": [{"field": f"f{n}"} for n in range(50)]}
    assert lines_of(text, problem) == {f"f{n}": n + 2 for n in range(5)}
