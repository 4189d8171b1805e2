"""How far the work is, told while it runs."""

import asyncio
import tempfile

from tests.support.sandbox.child_events import ChildEvent, Gate
from worker.sandbox.progress import NOTE_LIMIT_BYTES, ProgressPage, page_file
from worker.sandbox.sandbox import ProcessSandbox

WORK = "tests.support.sandbox.work"
Report = tuple[int, int, str]


class Listener:
    """A Progress that keeps what it hears, and says when it heard something."""

    def __init__(self) -> None:
        self.heard: list[Report] = []
        self.news = asyncio.Event()

    def __call__(self, done: int, total: int, note: str = "") -> None:
        self.heard.append((done, total, note))
        self.news.set()


async def test_the_latest_report_arrives_while_the_work_runs_and_the_last_one_at_its_end(
    sandbox: ProcessSandbox, event: ChildEvent, gate: Gate
) -> None:
    listener = Listener()
    running = asyncio.create_task(
        sandbox.call(f"{WORK}:tell", event.path, gate.path, seconds=10, memory_mb=1, progress=listener)
    )
    await event.wait()
    listener.news.clear()
    if (999, 2000, "measuring") not in listener.heard:
        await listener.news.wait()
    assert listener.heard[-1] == (999, 2000, "measuring")
    gate.open()
    assert await running == "told"
    done, total, note = listener.heard[-1]
    assert (done, total) == (2000, 2000)
    assert note.startswith("drawn: é")
    assert len(listener.heard) < 10


async def test_a_call_does_not_hear_what_an_earlier_one_reported(
    sandbox: ProcessSandbox, event: ChildEvent, gate: Gate
) -> None:
    gate.open()
    assert await sandbox.call(f"{WORK}:tell", event.path, gate.path, seconds=10, memory_mb=1) == "told"
    listener = Listener()
    await sandbox.call(f"{WORK}:echo", seconds=10, memory_mb=1, progress=listener)
    assert listener.heard == []


def test_a_page_is_shared_by_both_sides_and_gives_each_report_once() -> None:
    with page_file() as file:
        child, worker = ProgressPage(file.fileno()), ProgressPage(file.fileno())
    assert worker.latest() is None
    child.report(1, 2, "x" * (NOTE_LIMIT_BYTES + 5))
    assert worker.latest() == (1, 2, "x" * NOTE_LIMIT_BYTES)
    assert worker.latest() is None
    child.begin()
    assert worker.begun == 1


def test_a_page_takes_no_name_in_the_folder_of_temporary_files() -> None:
    with page_file() as file, tempfile.NamedTemporaryFile() as named:
        assert not isinstance(file.name, str)
        assert isinstance(named.name, str)
