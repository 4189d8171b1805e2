"""What a `traceparent` may look like, and that without an endpoint nothing is recorded."""

import asyncio

import pytest

from tasks.telemetry import tracing
from tests.test_laws import in_fresh_python

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
VALID = f"00-{TRACE}-{SPAN}-01"


@pytest.mark.parametrize(
    ("header", "read"),
    [
        (VALID, VALID),
        (f"00-{TRACE}-{SPAN}-00", f"00-{TRACE}-{SPAN}-00"),
        (f"00-{TRACE}-{SPAN}-03", f"00-{TRACE}-{SPAN}-03"),
        # A version to come: what we know of it is read.
        (f"cc-{TRACE}-{SPAN}-01", VALID),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-brings", VALID),
    ],
)
def test_a_valid_header_is_read_as_this_version_writes_it(header: str, read: str) -> None:
    assert tracing.parse(header) == read


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        f"00-{TRACE}-{SPAN}-01-more",
        f"00-{TRACE}-{SPAN}-01-",
        f"cc-{TRACE}-{SPAN}-01.more",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[:-1]}-{SPAN}-01",
        f"00-{TRACE}-{SPAN}0-01",
        f"00-{TRACE}-{SPAN}-1",
        f"0-{TRACE}-{SPAN}-01",
        f" {VALID}",
        f"{VALID}\n",
        f"{VALID}, {VALID}",
        f"00-\u0660{TRACE[1:]}-{SPAN}-01",
    ],
)
def test_a_header_that_breaks_a_rule_is_none(header: str | None) -> None:
    assert tracing.parse(header) is None


def test_the_id_of_the_trace_is_a_part_of_it() -> None:
    assert tracing.trace_id_of(VALID) == TRACE


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (["congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"], "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
        (["a=1", "b=2, c=3 ,\td=4"], "a=1,b=2,c=3,d=4"),
        (["a=1,,b=2,"], "a=1,b=2"),
        (["tenant@vendor=1,0t@v=2,a_b-c*d/e=3"], "tenant@vendor=1,0t@v=2,a_b-c*d/e=3"),
        (["a=x y!~"], "a=x y!~"),
        ([f"a={'x' * 256}"], f"a={'x' * 256}"),
        ([",".join(f"k{n}=1" for n in range(32))], ",".join(f"k{n}=1" for n in range(32))),
        # Too long: what is large goes first, then what is last.
        ([f"a=1,b={'x' * 200},c={'y' * 200},d={'z' * 150},e=2"], f"a=1,b={'x' * 200},c={'y' * 200},e=2"),
        ([",".join(f"k{n}={'x' * 100}" for n in range(6))], ",".join(f"k{n}={'x' * 100}" for n in range(4))),
    ],
)
def test_a_valid_state_is_one_value_of_bounded_length(given: list[str], kept: str) -> None:
    assert tracing.parse_state(given) == kept
    assert len(kept) <= tracing.MAX_TRACESTATE_CHARS


@pytest.mark.parametrize(
    "given",
    [
        [],
        [""],
        [", ,"],
        ["a"],
        ["a="],
        ["=1"],
        ["A=1"],
        ["0=1"],
        ["a=1,B=2"],
        ["a=1=2"],
        ["a=\x7f"],
        ["a=ü"],
        ["a=1\n"],
        ["a=1,a=2"],
        ["a=1", "a=2"],
        [f"a={'x' * 257}"],
        [f"{'a' * 257}=1"],
        ["a b=1"],
        ["a@=1"],
        [",".join(f"k{n}=1" for n in range(33))],
    ],
)
def test_a_state_that_breaks_a_rule_is_dropped_whole(given: list[str]) -> None:
    assert tracing.parse_state(given) is None


def test_the_state_goes_with_its_parent_alone() -> None:
    with tracing.entry(VALID, "run", "consumer", tracestate="a=1"):
        assert tracing.headers() == {"traceparent": VALID, "tracestate": "a=1"}
        with tracing.step("inside"):
            assert tracing.headers() == {"traceparent": VALID, "tracestate": "a=1"}
        with tracing.entry(VALID, "run", "consumer"):
            assert tracing.headers() == {"traceparent": VALID}
    with tracing.entry(None, "run", "consumer", tracestate="a=1"):
        assert tracing.headers() == {}


def test_what_came_goes_on_until_its_step_ends() -> None:
    assert tracing.current() is None
    with tracing.entry(VALID, "run", "consumer") as step:
        step.note({"a": 1}, name="other")
        step.fail("corrupt")
        with tracing.step("inside"):
            assert tracing.current() == VALID
        with tracing.entry(None, "run", "consumer"):
            assert tracing.current() is None
        assert tracing.current() == VALID
    assert tracing.current() is None


async def test_jobs_at_once_do_not_take_each_others_trace() -> None:
    async def job(number: int) -> str | None:
        with tracing.entry(f"{number}", "run", "consumer"):
            await asyncio.sleep(0)
            return tracing.current()

    assert await asyncio.gather(*(job(number) for number in range(3))) == ["0", "1", "2"]


CONFIGURE = """
import sys
for name in sys.argv[2:]:
    sys.modules[name] = None  # as if it were not installed
sys.stderr = sys.stdout
from tasks.telemetry import logs, tracing
from tasks.settings import Settings
logs.configure(Settings(_env_file=None))
tracing.configure(sys.argv[1], "test")
print("loaded" if sys.modules.get("opentelemetry.sdk") else "not loaded")
with tracing.entry(None, "run", "consumer"):
    print("traceparent", tracing.current())
with tracing.entry("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "run", "consumer", tracestate="a=1"):
    with tracing.step("inside", "client"):
        print("tracestate", tracing.headers().get("tracestate"))
"""


def test_without_an_endpoint_nothing_is_made_or_loaded() -> None:
    assert in_fresh_python(CONFIGURE, "").splitlines() == ["not loaded", "traceparent None", "tracestate a=1"]


def test_an_endpoint_without_the_library_is_told_and_the_process_goes_on() -> None:
    told, *rest = in_fresh_python(CONFIGURE, "http://127.0.0.1:9", "opentelemetry.sdk").splitlines()
    assert '"event":"tracing.off"' in told
    assert "bin/setup otel" in told
    assert rest == ["not loaded", "traceparent None", "tracestate a=1"]


def test_with_both_there_are_spans_and_trouble_with_them_is_a_line_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "0.2")
    monkeypatch.setenv("OTEL_SERVICE_NAME", "shop")
    told, loaded, current, state, *warnings = in_fresh_python(CONFIGURE, "http://127.0.0.1:9/").splitlines()
    assert '"event":"tracing.on","service":"shop"' in told
    assert loaded == "loaded"
    assert tracing.parse(current.removeprefix("traceparent ")) is not None
    assert state == "tracestate a=1"
    assert warnings
    assert all('"event":"tracing.warning"' in line for line in warnings)


def test_an_sdk_that_is_disabled_makes_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert in_fresh_python(CONFIGURE, "http://127.0.0.1:9/").splitlines()[2:] == ["traceparent None", "tracestate a=1"]


def test_importing_the_house_loads_no_sdk() -> None:
    code = "import {}, sys; print(*(name for name in sys.modules if name.startswith('opentelemetry')))"
    assert in_fresh_python(code.format("worker.__main__")).split() == []
    assert not any("sdk" in name or "exporter" in name for name in in_fresh_python(code.format("api.app")).split())
