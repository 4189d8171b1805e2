"""What a log line says, and what it does not."""

import json
import re
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from tasks.telemetry.logs import as_json, frames
from tests.test_laws import in_fresh_python

MARKER = "open sesame"
NOTHING: dict[str, str] = {}


class Order(BaseModel):
    count: int


def raised(function: Any) -> Exception:
    try:
        function()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def caused() -> None:
    try:
        NOTHING[MARKER]
    except KeyError as error:
        raise ValueError(f"{MARKER} is no count") from error


def test_a_line_says_when_how_urgent_and_what_first() -> None:
    line = as_json(None, "warning", {"job": "a1", "event": "job.failed", "code": "corrupt"})
    said = json.loads(line)
    assert list(said) == ["timestamp", "level", "event", "job", "code"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", said.pop("timestamp"))
    assert said == {"level": "warning", "event": "job.failed", "job": "a1", "code": "corrupt"}


def test_a_line_is_one_line_of_ascii_whatever_is_in_it() -> None:
    odd = "a\nb\u2028c\udcff"
    line = as_json(None, "info", {"event": "x", "kind": odd, "odd": object})
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["kind"] == odd


def test_an_exception_is_told_by_its_classes_and_frames_without_its_text() -> None:
    error = raised(caused)
    told = list(frames(error))
    assert told[0] == "builtins.ValueError"
    assert re.fullmatch(r"  .*/tests/tasks/telemetry/test_logs\.py:\d+ in caused", told[2])
    assert "builtins.KeyError" in told
    for exc_info in (error, (type(error), error, error.__traceback__)):
        line = as_json(None, "error", {"event": "job.raised", "exc_info": exc_info})
        assert MARKER not in line
        assert json.loads(line)["exception"].splitlines() == told


def test_nor_does_the_text_of_a_library_slip_in() -> None:
    error = raised(lambda: Order.model_validate({"count": MARKER}))
    assert isinstance(error, ValidationError)
    assert MARKER in str(error)
    assert MARKER not in "".join(frames(error))


def test_all_exceptions_of_a_group_are_told() -> None:
    group = ExceptionGroup(MARKER, [KeyError(MARKER), OSError(MARKER)])
    assert list(frames(group)) == ["builtins.ExceptionGroup", "builtins.KeyError", "builtins.OSError"]


def test_a_context_that_was_put_aside_is_not_told() -> None:
    def put_aside() -> None:
        try:
            NOTHING[MARKER]
        except KeyError:
            raise ValueError from None

    assert "builtins.KeyError" not in list(frames(raised(put_aside)))


def test_the_frames_of_a_sandbox_child_are_kept_though_they_come_as_text() -> None:
    text = f'render failed:\nTraceback:\n  File "/app/imaging.py", line 7, in render\n    f(x)\nValueError: {MARKER}'
    assert list(frames(RuntimeError(text))) == ["builtins.RuntimeError", "  /app/imaging.py:7 in render"]


def test_an_exception_that_has_no_text_is_written_too() -> None:
    class Mute(Exception):  # noqa: N818 - a user's own
        def __str__(self) -> str:
            raise ValueError(MARKER)

    written = json.loads(as_json(None, "error", {"event": "job.raised", "exc_info": Mute()}))
    assert "Mute" in written["exception"]


WRITE = """
import sys
sys.stderr = sys.stdout
import structlog
from tasks.telemetry.logs import configure
from tasks.settings import Settings
configure(Settings(_env_file=None, log_format=sys.argv[1], log_level=sys.argv[2]))
log = structlog.get_logger()
structlog.contextvars.bind_contextvars(job="a1")
log.debug("quiet")
log.info("said", count=2)
try:
    {}[sys.argv[3]]
except KeyError:
    log.exception("raised")
"""


@pytest.mark.parametrize(
    ("written", "begins"), [("json", '{"timestamp":"'), ("auto", '{"timestamp":"'), ("text", "20")]
)
def test_a_process_writes_json_or_text_from_its_level_up(written: str, begins: str) -> None:
    lines = in_fresh_python(WRITE, written, "info", MARKER).splitlines()
    said = [line for line in lines if line.startswith(begins)]
    assert len(said) == 2
    assert "said" in said[0]
    assert "raised" in said[1]
    assert all("a1" in line for line in said)
    assert any("builtins.KeyError" in line for line in lines)
    assert not any("quiet" in line or MARKER in line for line in lines)
    assert sum("quiet" in line for line in in_fresh_python(WRITE, written, "debug", MARKER).splitlines()) == 1
