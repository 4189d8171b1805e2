"""The kinds `report` and `validation`, with a real sandbox: what they fetch, what they leave, what they refuse."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from arq.connections import ArqRedis

from tasks.blob_ref import BlobRef
from tasks.kind import JobContext, Notes, Result
from tasks.queue.watch.reader import CoalescingReader
from tasks.refusal import Refusal
from tasks.report.kind import REPORT, VALIDATION, ReportParams
from tasks.report.render import MAX_WARNINGS
from tasks.report.render_job import RenderLimits
from tasks.report.request import ReportRequest
from tasks.report.spec.document import Spec
from tasks.settings import Settings
from tasks.storage.open import open_storage
from tasks.storage.protocol import Storage
from tests.support.blobs import put
from tests.support.engine_running import NoOutbound
from worker.sandbox.sandbox import ProcessSandbox

UPLOAD = "a" * 32
TABLE = {"type": "table", "dataset": "d"}
DATASETS = {"d": {"upload": UPLOAD, "format": "csv"}}


class Folder:
    """An attempt's scratch folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[ProcessSandbox]:
    sandbox = ProcessSandbox(
        preload=(), children=1, memory_mb=2048, budget_mb=1024, recycle_after=10, folders=[tmp_path]
    )
    yield sandbox
    await sandbox.stop()


@pytest.fixture
def settings() -> Settings:
    return Settings(_env_file=None, storage_url="memory://", max_cell_chars=100)


@pytest.fixture
def storage(settings: Settings) -> Storage:
    return open_storage(settings)


class ReportRunner:
    """Runs one job after the other in one scratch folder."""

    def __init__(
        self, folder: Path, redis: ArqRedis, storage: Storage, sandbox: ProcessSandbox, settings: Settings
    ) -> None:
        self.folder = folder
        self._parts = (redis, storage, sandbox, settings)

    def order(self, said: dict[str, Any], **files: BlobRef) -> ReportRequest:
        spec = Spec.model_validate({"document": {"title": "t"}, **said})
        return ReportRequest(spec=spec, files=files)

    async def run(self, report_request: ReportRequest, kind: Any = REPORT, *, order_is_gone: bool = False) -> Result:
        redis, storage, sandbox, settings = self._parts
        source = await put(storage, report_request.canonical())
        if order_is_gone:
            await storage.delete([source.sha256])
        result: Result = await kind.run(
            JobContext(
                job_id="0" * 32,
                owner="alice",
                attempt=1,
                params=ReportParams(
                    order=source, title=report_request.spec.document.title, formats=report_request.spec.formats
                ),
                scratch=Folder(self.folder),
                redis=redis,
                reader=CoalescingReader(redis),
                storage=storage,
                sandbox=sandbox,
                outbound=NoOutbound(),
                settings=settings,
                progress=lambda *_: None,
                notes=Notes(),
            )
        )
        return result


@pytest.fixture
def runner(
    tmp_path: Path, redis: ArqRedis, storage: Storage, sandbox: ProcessSandbox, settings: Settings
) -> ReportRunner:
    return ReportRunner(tmp_path, redis, storage, sandbox, settings)


async def content(storage: Storage, result: Result, name: str) -> bytes:
    [file] = [file for file in result.files if file.name == name]
    return b"".join([chunk async for chunk in storage.read(file.blob)])


async def test_files_are_stored_with_their_types(runner: ReportRunner, storage: Storage) -> None:
    report_request = runner.order(
        {"blocks": [TABLE], "datasets": DATASETS, "formats": ["pdf", "csv"]},
        **{UPLOAD: await put(storage, b"a,b\n1,2\n")},
    )
    result = await runner.run(report_request)
    assert {file.name: file.type for file in result.files} == {
        "report.pdf": "application/pdf",
        "report.csv": "text/csv; charset=utf-8",
    }
    assert result.value == {"pages": 1, "rows": 1, "warnings": []}
    assert len(pypdfium2.PdfDocument(await content(storage, result, "report.pdf"))) == 1


async def test_a_spec_larger_than_what_may_cross_to_a_child_is_no_trouble(runner: ReportRunner) -> None:
    rows = [{"a": "x" * 1000}] * 5_000
    report_request = runner.order({"blocks": [{"type": "table", "columns": [{"field": "a"}], "rows": rows}]})
    assert len(report_request.canonical()) > 5_000_000
    assert (await runner.run(report_request, VALIDATION)).value["rows"] == 5_000


async def test_a_validation_leaves_no_file(runner: ReportRunner) -> None:
    report_request = runner.order({"blocks": [{"type": "heading", "text": "hello"}]})
    result = await runner.run(report_request, VALIDATION)
    assert result.files == ()
    assert result.value == {"tables": [], "pages": 1, "rows": 0, "warnings": []}


async def test_one_upload_may_serve_as_two_datasets(runner: ReportRunner, storage: Storage) -> None:
    other = {**DATASETS["d"], "upload": "b" * 32, "format": "ndjson"}
    source = await put(storage, b'{"a": 1}\n')
    report_request = runner.order(
        {
            "blocks": [{**TABLE, "columns": [{"field": '{"a": 1}'}]}, {**TABLE, "dataset": "e"}],
            "datasets": {**DATASETS, "e": other},
        },
        **{UPLOAD: source, "b" * 32: source},
    )
    assert (await runner.run(report_request, VALIDATION)).value["rows"] == 1


@pytest.mark.parametrize("missing", ["order", "dataset"])
async def test_what_is_gone_from_the_storage_has_expired(missing: str, runner: ReportRunner, storage: Storage) -> None:
    source = await put(storage, b"a\n1\n")
    report_request = runner.order({"blocks": [TABLE], "datasets": DATASETS}, **{UPLOAD: source})
    if missing == "dataset":
        await storage.delete([source.sha256])
    with pytest.raises(Refusal) as caught:
        await runner.run(report_request, order_is_gone=missing == "order")
    assert caught.value.code == "expired"


async def test_a_refusal_of_the_sandbox_names_the_field(runner: ReportRunner, storage: Storage) -> None:
    columns = [{"field": "a", "type": "integer"}]
    report_request = runner.order(
        {"blocks": [{"type": "rule"}, {**TABLE, "columns": columns}], "datasets": DATASETS},
        **{UPLOAD: await put(storage, b"a\n1\ntwo\n")},
    )
    with pytest.raises(Refusal) as caught:
        await runner.run(report_request)
    assert caught.value.code == "invalid_cell"
    assert (caught.value.field or "").startswith("blocks.1")
    assert "3" in caught.value.message


async def test_settings_are_the_limits_of_the_sandbox(runner: ReportRunner, storage: Storage) -> None:
    report_request = runner.order(
        {"blocks": [TABLE], "datasets": DATASETS}, **{UPLOAD: await put(storage, b"a\n" + b"x" * 101 + b"\n")}
    )
    warnings = (await runner.run(report_request)).value["warnings"]
    [clipped] = [warning["message"] for warning in warnings if warning["code"] == "clipped_cells"]
    assert "100" in clipped
    told = json.loads((runner.folder / "job.json").read_text())
    assert told["limits"].keys() == set(RenderLimits.__struct_fields__)
    assert set(RenderLimits.__struct_fields__) <= Settings.model_fields.keys()


async def test_a_record_keeps_a_hundred_warnings(runner: ReportRunner) -> None:
    links = [{"type": "text", "text": [{"text": "x", "link": f"#nowhere{n}"}]} for n in range(MAX_WARNINGS + 20)]
    warnings = (await runner.run(runner.order({"blocks": links}))).value["warnings"]
    assert len(warnings) == MAX_WARNINGS + 1
    assert warnings[-1] == {"code": "unknown_anchor", "message": "And 20 more of these."}


def test_the_job_as_a_whole_may_take_longer_than_the_sandbox() -> None:
    most = next(one.le for one in Settings.model_fields["report_seconds"].metadata if hasattr(one, "le"))
    assert REPORT.timeout_s > most
    assert VALIDATION.timeout_s > most
