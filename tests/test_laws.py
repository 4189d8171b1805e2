"""Rules that the code keeps: who may import whom, how big files and folders may grow, where a name is written."""

import ast
import functools
import importlib.machinery
import json
import re
import statistics
import subprocess
import sys
import sysconfig
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.server.run import configured
from hatch_build import DOTTED, names_module, with_long_imports, with_long_names
from tasks.settings import Settings
from tools.documents import ROOT, environment_names

PACKAGES = ("api", "worker", "tasks")
KINDS = {"thumbnail", "report"}
# Inside tasks, a part may import those of the layers below it, those beside it in the fourth layer, and itself. The
# longest name that fits counts. Add a new part to one of the layers.
LAYERS = (
    {"refusal", "pattern_forms"},
    {"validation"},
    {
        "settings",
        "telemetry.tracing",
        "admission",
        "progress",
        "backoff",
        "clock",
        "blob_ref",
        "stopping",
        "process_memory",
        "sandbox_output",
        "outbound.protocol",
    },
    {
        *("queue", "storage", "kind", "accounts", "uploads", "presets", "schedule", "outbound", "telemetry", "webhook"),
        "maintenance.sweep",
        "picture_result",
        "thumbnail.signatures",
        "public_files",
        "destinations",
    },
    {"history", "accounts", "workflow"},
    {"thumbnail", "report", "webhook.kind", "maintenance"},
    {"catalogue", "schedule.built_in"},
)
# What code that runs in the sandbox, on untrusted bytes, may import.
PURE_MAY_IMPORT = {
    *("tasks.refusal", "tasks.admission", "tasks.progress"),
    *("tasks.blob_ref", "tasks.outbound.protocol", "tasks.validation", "tasks.pattern_forms"),
    "tasks.picture_result.record",
}
# Untrusted pictures are opened by one piece of code; reports show pictures too.
PICTURES = {
    f"tasks.thumbnail.{name}"
    for name in ("picture_file", "decoding", "colour.described", "colour.profiles", "memory", "options.turning")
}
HEAVY = ("PIL", "pyvips", "reportlab", "pypdfium2", "openpyxl")
WRITES = {
    *("eval", "evalsha", "lock"),  # a lock is a SET with a time to live
    *("getset", "hincrby", "hmset", "hset", "hsetnx", "incr", "incrby", "lpush", "mset", "psetex", "rpush", "sadd"),
    *("setex", "setnx", "xadd", "zadd", "zincrby"),
}
# A probe that is to fail while Redis takes no writes, and what is for tests.
MAY_WRITE_PLAINLY = {
    "api.operations.health",
    "tasks.queue.start_check",
    "worker.application.connection",
    "worker.testing",
}
VAGUE_NAMES = {"utils", "util", "common", "helpers", "helper", "base", "manager", "misc"}
MAX_LINES = 400
MAX_MEDIAN_LINES = 120
MAX_FILES = 15  # .py and .lua side by side in a folder, __init__.py not counted
EVERYTHING = (*PACKAGES, "clients", "tests", "tools")
# These check literal Redis keys on purpose: our layout, and ARQ's.
SPELL_OUT_KEYS = {"tests.tasks.queue.test_redis_keys", "tests.worker.arq_compat.test_arq_contract"}


def sources(*folders: str, suffixes: tuple[str, ...] = (".py",)) -> Iterator[Path]:
    for folder in folders:
        yield from (
            path
            for path in sorted((ROOT / folder).rglob("*"))
            if path.suffix in suffixes and "__pycache__" not in path.parts
        )


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = {module_of(path): path for path in sources(*PACKAGES)}
NAMES = {*MODULES}


@functools.cache
def imports(path: Path) -> frozenset[str]:
    """The modules of this repository that a file imports; submodules count by their full names."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path} imports relatively; write the full name"
            submodules = {f"{node.module}.{alias.name}" for alias in node.names} & MODULES.keys()
            found |= submodules or {node.module}
    return frozenset(name for name in found if name.split(".")[0] in (*PACKAGES, "tests"))


def imports_when_loaded(path: Path) -> set[str]:
    """The modules of ours that are imported while this one is loaded: not those in functions or for types only."""
    found: set[str] = set()
    waiting: list[ast.AST] = [ast.parse(path.read_text(encoding="utf-8"))]
    while waiting:
        for node in ast.iter_child_nodes(waiting.pop()):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
            elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not (
                isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
            ):
                waiting.append(node)
    return found


def layer_of(module: str) -> int:
    parts = module.split(".")[1:]
    for length in range(len(parts), 0, -1):
        for height, layer in enumerate(LAYERS):
            if ".".join(parts[:length]) in layer:
                return height
    raise AssertionError(f"{module} is in no layer; add it to LAYERS")


def in_fresh_python(code: str, *args: str) -> str:
    """What `code` prints in an interpreter that has imported nothing yet."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, *args], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_api_and_worker_know_tasks_and_tasks_knows_neither() -> None:
    allowed = {"api": {"api", "tasks"}, "worker": {"worker", "tasks"}, "tasks": {"tasks"}}
    for module, path in MODULES.items():
        package = module.split(".")[0]
        for name in imports(path):
            assert name.split(".")[0] in allowed[package], f"{module} imports {name}"


def test_inside_tasks_imports_point_downwards() -> None:
    for module, path in MODULES.items():
        if not module.startswith("tasks."):
            continue
        for name in imports(path):
            same_part = module.split(".")[1] == name.split(".")[1]
            neighbours = layer_of(module) == layer_of(name) == 3 or name in PICTURES
            assert same_part or neighbours or layer_of(name) < layer_of(module), f"{module} imports {name}"


def test_code_that_reads_untrusted_bytes_is_pure() -> None:
    """In a kind's folder one module imports tasks.kind; the others are pure, and import only each other."""
    for kind in KINDS:
        folder = {name: imports(path) for name, path in MODULES.items() if name.startswith(f"tasks.{kind}.")}
        kind_modules = {name for name, names in folder.items() if "tasks.kind" in names}
        assert len(kind_modules) <= 1, f"{kind}: several modules import tasks.kind: {kind_modules}"
        for module in folder.keys() - kind_modules:
            outsiders = folder[module] - PURE_MAY_IMPORT - PICTURES - (folder.keys() - kind_modules)
            assert not outsiders, f"{module} imports {outsiders}"


def test_pure_modules_import_only_pure_modules() -> None:
    for name in PURE_MAY_IMPORT & MODULES.keys():
        assert imports(MODULES[name]) <= PURE_MAY_IMPORT


def test_no_imports_go_in_a_circle() -> None:
    files = {module_of(path): path for path in sources(*EVERYTHING)}
    left = {module: imports_when_loaded(path) & files.keys() - {module} for module, path in files.items()}
    while done := {module for module, needed in left.items() if not needed}:
        left = {module: needed - done for module, needed in left.items() if module not in done}
    # What is left is on a circle, or imports something that is. The latter, which nobody needs, is no news.
    while unneeded := left.keys() - set().union(*left.values()):
        left = {module: needed for module, needed in left.items() if module not in unneeded}
    assert {module: sorted(needed) for module, needed in left.items()} == {}


def test_importing_the_api_loads_nothing_heavy() -> None:
    loaded = in_fresh_python("import api.app, sys; print(*sys.modules)").split()
    assert not {name.split(".")[0] for name in loaded} & set(HEAVY)


OPENED = """
import importlib, os, sys
writing = os.O_WRONLY | os.O_RDWR | os.O_CREAT
def audit(event, args):
    if event == "open":
        if args[2] & writing if isinstance(args[2], int) else set(str(args[1])) & set("wax+"):
            print(event, args[0])
    elif event.startswith(("subprocess.", "os.posix_spawn", "os.fork", "os.exec", "os.system", "socket.connect")):
        print(event, args)
sys.addaudithook(audit)
for name in sys.argv[1:]:
    importlib.import_module(name)
"""


def test_importing_any_module_connects_writes_and_starts_nothing() -> None:
    assert in_fresh_python(OPENED, *MODULES) == ""


def test_no_file_is_too_long() -> None:
    files = sources(*PACKAGES, "clients", "tests", suffixes=(".py", ".lua", ".sh"))
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {str(path.relative_to(ROOT)): length for path, length in lengths.items() if length > MAX_LINES} == {}
    assert statistics.median(length for length in lengths.values() if length) < MAX_MEDIAN_LINES


def test_no_line_of_lua_is_longer_than_one_of_python() -> None:
    limit = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["line-length"]
    lines = {
        f"{path.relative_to(ROOT)}:{number}": len(line)
        for path in sources("tasks", suffixes=(".lua",))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
    }
    assert {place: length for place, length in lines.items() if length > limit} == {}
    assert len(lines) > 1_000


def test_no_folder_holds_too_many_files_side_by_side() -> None:
    files = sources(*EVERYTHING, suffixes=(".py", ".lua"))
    counts = Counter(str(path.parent.relative_to(ROOT)) for path in files if path.name != "__init__.py")
    assert {folder: count for folder, count in counts.items() if count > MAX_FILES} == {}


def test_a_skipped_test_says_why() -> None:
    """pytest prints the reasons at the end (`-ra`). Marks are calls with a reason; `pytest.skip` has it as its text."""
    marks = {"pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail"}
    for path in sources("tests"):
        text = path.read_text(encoding="utf-8")
        if "skip" not in text and "xfail" not in text:
            continue
        tree = ast.parse(text)
        with_reason: set[str] = set()
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            reasons = [word for word in call.keywords if word.arg == "reason"]
            if reasons or (ast.unparse(call.func) == "pytest.skip" and call.args):
                with_reason.add(ast.dump(call.func, include_attributes=True))
        for node in (node for node in ast.walk(tree) if isinstance(node, ast.Attribute)):
            if ast.unparse(node) in marks | {"pytest.skip", "pytest.xfail"}:
                said = ast.dump(node, include_attributes=True) in with_reason
                assert said, f"{path.relative_to(ROOT)}, line {node.lineno}: {ast.unparse(node)} has no reason"


def test_no_file_has_a_vague_name() -> None:
    for path in sources(*PACKAGES, "clients", "tests", suffixes=(".py", ".lua", ".sh")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        assert not set(parts) & VAGUE_NAMES, f"{path.relative_to(ROOT)}: name it after what it holds"


def test_redis_keys_are_named_in_one_module() -> None:
    key = re.compile(r"(pressroom|arq):")
    perhaps = re.compile(r"(pressroom|arq)[\s\"'\\]*:")  # also where a literal of several parts is cut
    for path in sources(*EVERYTHING):
        module = module_of(path)
        if module in {"tasks.queue.redis_keys", __name__, *SPELL_OUT_KEYS}:
            continue
        text = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(text)) if perhaps.search(text) else ():
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                value = node.value.decode(errors="replace") if isinstance(node.value, bytes) else node.value
                assert not key.match(value), f"{module}, line {node.lineno}: {value!r} belongs in redis_keys.py"
    for path in sources("tasks", suffixes=(".lua",)):
        quoted = re.search(rf"[\"'\[]{key.pattern}", path.read_text(encoding="utf-8"))
        assert quoted is None, f"{path.name} names a key; it is given them"


def test_what_needs_memory_of_redis_is_written_by_scripts() -> None:
    """A full Redis refuses plain commands that need memory, and every command in a transaction (docs/queue.md)."""
    for module, path in MODULES.items():
        if module in MAY_WRITE_PLAINLY:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
                continue
            name, arguments = node.func.attr, node.args + node.keywords
            is_write = name in WRITES or (name == "set" and len(arguments) > 1)
            is_transaction = name == "pipeline" and not arguments
            assert not is_write, f"{module}, line {node.lineno}: {name} belongs in a script"
            assert not is_transaction, f"{module}, line {node.lineno}: a transaction; say transaction=False"


def test_our_packages_are_the_ones_in_this_repository() -> None:
    """The names are plain: an installed package of the same name would win over ours in some launchers."""
    code = f"import {', '.join(PACKAGES)}; print(api.__file__, worker.__file__, tasks.__file__, sep='\\n')"
    places = [Path(place) for place in in_fresh_python(code).splitlines()]
    assert places == [ROOT / name / "__init__.py" for name in PACKAGES]
    for name in (*PACKAGES, "tests"):
        assert importlib.machinery.PathFinder.find_spec(name, [sysconfig.get_path("purelib")]) is None


def test_the_wheel_can_rename_every_module() -> None:
    """Its build rewrites imports. It leaves strings alone: code says `__package__` or `__name__`."""
    for module, path in MODULES.items():
        for number, line in enumerate(with_long_imports(path.read_text(encoding="utf-8")).splitlines(), 1):
            wrong = short_names(line.partition("# ")[0])
            assert not wrong, f"{module}, line {number}: use __package__ for {wrong}, or backticks in prose"


def short_names(line: str) -> list[str]:
    """Modules, things in modules, and beginnings of modules, by the names that a checkout has for them."""
    found = DOTTED.findall(with_long_names(line, NAMES)) if DOTTED.search(line) else ()
    return [name for name in found if names_module(name, NAMES)] + re.findall(rf'"(?:{"|".join(PACKAGES)})\."', line)


@pytest.mark.parametrize("text", ["tasks.report.render", "tasks.thumbnail.imaging:render", "api.", "tasks.kind.Kind"])
def test_a_string_that_names_a_module_is_found(text: str) -> None:
    assert short_names(f'  name = "{text}"')
    assert not short_names(f'  name = "pressroom.{text}"'), "the long name is right"


def procfile() -> dict[str, str]:
    return dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text(encoding="utf-8").splitlines())


def test_the_procfile_starts_long_running_processes_that_exist() -> None:
    lines = procfile()
    # A `release` line would end under a local runner, and stop everything with it.
    assert lines.keys() == {"web", "worker"}
    assert not any("uv run" in line for line in lines.values())  # a built app has no uv
    assert {"api.__main__", "worker.__main__"} <= MODULES.keys()
    assert lines["web"] == "python -m api"
    in_fresh_python("import api.app; assert callable(api.app.app)")
    assert lines["worker"] == "python -m worker"


def test_the_web_process_suits_a_platforms_router() -> None:
    settings = Settings(_env_file=None)
    config = configured(settings)
    assert settings.web_hosts == "0.0.0.0,::"
    assert settings.http_keep_alive_s > 90  # the router's, which would else lose POSTs to connections that we close
    assert config.timeout_graceful_shutdown == 25  # else one open stream holds the process until it is killed at 30 s
    assert (
        not config.proxy_headers
    )  # uvicorn would believe entries that clients write; FORWARDED_HOPS says how many not
    assert Settings(_env_file=None, dev=False, dyno="web.1").proxy_hops == 1


def test_app_json_asks_only_for_what_is_read() -> None:
    known = {name for field in Settings.model_fields.items() for name in environment_names(*field)}
    asked = json.loads((ROOT / "app.json").read_text(encoding="utf-8"))
    assert {name for name in asked["env"] if not name.startswith("AWS_")} <= known
    assert asked["formation"].keys() == procfile().keys()


def test_every_command_is_executable_and_parses() -> None:
    commands = [*(ROOT / "bin").iterdir(), ROOT / ".ci" / "run"]
    assert {path.name for path in commands} >= {"setup", "demo", "dev", "test", "lint", "bench", "run"}
    for path in commands:
        assert path.stat().st_mode & 0o111 == 0o111, f"{path.name} is not executable"
        subprocess.run(["sh", "-n", str(path)], check=True)
