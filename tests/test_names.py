"""Names: retired ones stay retired (the tables say what each is called now), and a class name is used once."""

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.documents import ROOT

CLASSES = {
    "Accepted": "Submitted",
    "Addresses": "UrlPolicy",
    "Batches": "JobStore",
    "Canceller": "JobStore",
    "Crew": "WorkerRegistry",
    "Deleter": "JobStore",
    "Door": "AuthMiddleware",
    "Edge": "RequestMiddleware",
    "Edition": "PrintContext",
    "Firing": "Scheduler",
    "ImageWish": "ImageOptions",
    "Intake": "Enqueuer",
    "Line": "BuiltInSchedule",
    "Outlook": "Preview",
    "Overview": "QueueStats",
    "Passage": "RequestTiming",
    "Pen": "Canvas",
    "Presence": "Heartbeat",
    "Printing": "PdfRenderer",
    "Reopener": "JobStore",
    "ReportWish": "ReportOptions",
    "Standing": "QueueSnapshot",
    "SubmitWish": "SubmitOptions",
    "TableOutlook": "TablePreview",
    "TableWish": "TableOptions",
    "Timetable": "ScheduleStore",
    "Tongue": "ReportLocale",
    "Verdict": "ResponseOutcome",
    "Weather": "RedisHealth",
    "Wish": "NotifyOption",
    "Wishes": "EndpointPatch, SchedulePatch",
    "Written": "SerializedResult",
    "_Books": "Reconciler",
    "_Broom": "BlobSweeper",
    "_Shears": "IndexTrimmer",
}
FUNCTIONS = {
    "accept": "enqueue",
    "accept_batch": "enqueue_batch",
    "address_of": "base_url",
    "apart": "drop_overlaps",
    "beside": "category_axis",
    "brave": "retry_until_up",
    "cleared": "mark_up",
    "context_of": "Caller.context",
    "found": "describe_redis",
    "judge": "classify_response; in Lua update_breaker",
    "lettering": "TextMetrics",
    "look": "preflight",
    "need": "enqueue_with_blobs",
    "objection": "blocked_reason",
    "owner_of": "Caller.owner",
    "press": "render",
    "read_crew": "read_workers",
    "sealed": "checked_notify",
    "spell_out": "expand_columns",
    "worsened": "mark_down",
}
CONSTANTS = {"FADE_MS": "WORKER_RECORD_TTL_MS", "STANDING_BACK": "OWNER_CAPPED", "TROUBLE": "REDIS_ERRORS"}
MODULES = {
    "defusing": "formula_escape",
    "entry": "render",
    "firing": "scheduler",
    "guard": "url_policy",
    "manners": "receiver_behaviours",
    "overview": "stats",
    "passage": "timing",
    "pen": "canvas",
    "presence": "heartbeat",
    "press": "render",
    "second_look": "enqueue_with_blobs",
    "shelves": "indexes",
    "siege": "load",
    "submit_wish": "submit_options",
    "timetable": "store",
    "verdict": "response",
    "weather": "redis_health",
}
EVENTS = {"tracing.trouble": "tracing.warning"}
WORDS = re.compile(
    r"(?<![a-z])(weather|wish(es|ed|ing)?|shel(f|ves)|strangers?|passages?|tongues?|brav(e|es|ed))(?![a-z])",
    re.IGNORECASE,
)
"""In no identifier, comment, docstring or page."""
STORED = re.compile(r"""["'`]shelves["'`]|\bjob\.shelves\b|\bshelves = owner\b""")
"""A field of the job's record in Redis, and of the tables in which Lua reads it. It keeps its name: during a deploy,
processes of two versions read it."""
EXCEPT = ("CHANGELOG.md", "docs/decisions/", "tests/test_names.py", "tests/api/test_texts.py")
SUFFIXES = {".py", ".lua", ".md", ".mjs", ".sh", ".html", ".css", ".js", ".toml", ".yml", ".yaml", ".example"}


def tracked() -> Iterator[Path]:
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    for name in listed:
        if not name.startswith(EXCEPT) and (ROOT / name).is_file():
            yield ROOT / name


PYTHON = [path for path in tracked() if path.suffix == ".py"]


def test_no_class_function_or_constant_has_a_retired_name() -> None:
    names = CONSTANTS | CLASSES
    perhaps = re.compile(rf"\b({'|'.join(names | EVENTS)})\b|\bdef\s+({'|'.join(FUNCTIONS)})\b")
    found = []
    for path in PYTHON:
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if perhaps.search(text) else ():
            now = ""
            if isinstance(node, ast.ClassDef) and node.name in CLASSES:
                now = f"class {node.name} is {CLASSES[node.name]}"
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in FUNCTIONS:
                now = f"{node.name} is {FUNCTIONS[node.name]}"
            elif isinstance(node, ast.Name) and node.id in names:
                now = f"{node.id} is {names[node.id]}"
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in EVENTS:
                now = f"the log event {node.value} is {EVENTS[node.value]}"
            if now:
                found.append(f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}: {now}")
    assert found == []


def test_a_class_name_is_used_once() -> None:
    """The models in `api/` keep the name that the OpenAPI document publishes; a class beside it has a longer one.

    A client is a package of its own, whose classes are called as the document calls them.
    """
    places: dict[str, list[str]] = {}
    for path in PYTHON:
        name = str(path.relative_to(ROOT))
        if not name.startswith(("clients/", "examples/", "tests/")):
            for node in ast.parse(path.read_text(encoding="utf-8")).body:
                if isinstance(node, ast.ClassDef):
                    places.setdefault(node.name.lstrip("_"), []).append(name)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}


def test_no_lua_function_has_a_retired_name() -> None:
    defined = re.compile(r"function\s+(\w+)")
    for path in tracked():
        if path.suffix == ".lua":
            names = set(defined.findall(path.read_text(encoding="utf-8")))
            assert names & FUNCTIONS.keys() == set(), path.name


def test_no_module_has_a_retired_name() -> None:
    parts = {part: path for path in PYTHON for part in path.relative_to(ROOT).with_suffix("").parts}
    assert {part: str(path) for part, path in parts.items() if part.removeprefix("test_") in MODULES} == {}


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_no_private_word_is_left(suffix: str) -> None:
    found = []
    for path in tracked():
        if path.suffix != suffix:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if match := WORDS.search(STORED.sub("", line)):
                found.append(f"{path.relative_to(ROOT)}:{number}: {match[0]}")
    assert found == []


def test_the_words_are_found_where_they_stand() -> None:
    """This check can fail: it sees the words in identifiers, comments and plurals, and not inside other words."""
    for line in ("redis_weather = 1", "# a stranger's bytes", "Wishes: what", "two shelves", "def brave(self):"):
        assert WORDS.search(line), line
    for line in ("swished", "shelved", "braver", "wishbone", 'record["shelves"]'):
        assert WORDS.search(STORED.sub("", line)) is None, line
