"""A report's whole way, through real processes: spec or table in, files out."""

import hashlib
import io
from typing import Any

import httpx
import openpyxl
import pypdfium2
import pytest
from PIL import Image

from api.reports.examples import SMALL
from tests.end_to_end.test_pictures import ended
from tests.support.pictures import encoded, scene

CSV = "day,shop,amount\n2026-11-01,Köln,1950.00\n2026-11-02,横浜,4.70\n"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
COLUMNS = [
    {"field": "day", "type": "date"},
    {"field": "shop"},
    {"field": "amount", "type": "money", "total": "sum"},
]


def text_of(pdf: bytes) -> str:
    """All text of all pages, as a reader finds it."""
    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_bounded() for page in document).replace("\xa0", " ")


def uploaded(client: httpx.Client, content: str | bytes) -> str:
    upload_id: str = client.post("/v1/uploads", content=content).raise_for_status().json()["id"]
    return upload_id


def of_csv(upload_id: str, **more: Any) -> dict[str, Any]:
    """A spec of one table, whose rows are an upload."""
    return {
        "document": {"title": "Sales", "lang": "de-DE"},
        "datasets": {"sales": {"upload": upload_id, "format": "csv"}},
        "blocks": [{"type": "table", "dataset": "sales", "columns": COLUMNS}],
        **more,
    }


def made(client: httpx.Client, spec: dict[str, Any]) -> dict[str, Any]:
    """The job of a report, when it has ended."""
    posted = client.post("/v1/reports", json=spec)
    assert posted.status_code == 202, posted.text
    return ended(client, posted.json()["id"])


def downloads(client: httpx.Client, job: dict[str, Any]) -> dict[str, bytes]:
    """The files of a job by name, each as its record says."""
    found = {}
    for file in job["files"]:
        answer = client.get(file["url"])
        assert hashlib.sha256(answer.content).hexdigest() == file["sha256"]
        assert (len(answer.content), answer.headers["Content-Type"]) == (file["bytes"], file["type"])
        found[file["name"]] = answer.content
    return found


def test_a_spec_becomes_a_pdf(client: httpx.Client) -> None:
    job = made(client, SMALL)
    assert job["state"] == "succeeded", job
    assert job["result"] == {"pages": 1, "rows": 2, "warnings": []}
    text = text_of(downloads(client, job)["report.pdf"])
    for part in ("Sales in November", "Leeds", "£7,410.50", "£12,840.00"):
        assert part in text


def test_an_uploaded_table_becomes_all_files_with_the_same_total(client: httpx.Client) -> None:
    job = made(client, of_csv(uploaded(client, CSV), formats=["pdf", "xlsx", "csv"], preview=True))
    assert job["state"] == "succeeded", job
    files = downloads(client, job)
    assert files.keys() == {"report.pdf", "report.xlsx", "report.csv", "preview.png"}
    text = text_of(files["report.pdf"])
    assert "1.954,70 €" in text
    assert "横浜" in text
    sheet = openpyxl.load_workbook(io.BytesIO(files["report.xlsx"]), data_only=True).worksheets[0]
    assert any("Köln" in row for row in sheet.iter_rows(values_only=True))
    assert "1954.70" in files["report.csv"].decode("utf-8-sig")
    assert Image.open(io.BytesIO(files["preview.png"])).format == "PNG"


def test_a_table_is_a_pdf_by_one_request(client: httpx.Client) -> None:
    answer = client.post(
        "/v1/reports",
        params={"title": "Sales", "lang": "de-DE", "types": "day:date,amount:money"},
        headers={"Content-Type": "text/csv", "Accept": "application/pdf"},
        content=CSV.encode(),
        follow_redirects=True,
    )
    assert answer.status_code == 200, answer.text
    text = text_of(answer.content)
    for part in ("Sales", "shop", "Köln", "1.950,00 €", "横浜"):
        assert part in text


@pytest.mark.parametrize("media_type", ["application/x-ndjson", XLSX])
def test_other_tables_are_read_too(client: httpx.Client, media_type: str) -> None:
    workbook = openpyxl.Workbook()
    for row in (("shop", "number"), ("Köln", "00123")):
        workbook.worksheets[0].append(row)
    xlsx = io.BytesIO()
    workbook.save(xlsx)
    content = xlsx.getvalue() if media_type == XLSX else '{"shop": "Köln", "number": "00123"}\n'.encode()
    posted = client.post("/v1/reports", content=content, headers={"Content-Type": media_type})
    job = ended(client, posted.json()["id"])
    text = text_of(downloads(client, job)["report.pdf"])
    assert "Köln" in text
    assert "00123" in text


def test_thumbnails_become_a_contact_sheet(client: httpx.Client) -> None:
    posted = client.post("/v1/images", content=encoded(scene(900, 600), "jpeg")).json()
    thumbnails = ended(client, posted["id"])
    photo = uploaded(client, encoded(scene(600, 900), "png"))
    images = [{"source": {"job": posted["id"], "file": file["name"]}} for file in thumbnails["files"]]
    job = made(
        client,
        {
            "document": {"title": "Pictures"},
            "blocks": [
                {"type": "contact_sheet", "images": [*images, {"source": {"upload": photo}, "caption": "Upright"}]}
            ],
        },
    )
    assert job["state"] == "succeeded", job
    pdf = pypdfium2.PdfDocument(downloads(client, job)["report.pdf"])
    assert len([one for one in pdf[0].get_objects() if one.type == pypdfium2.raw.FPDF_PAGEOBJ_IMAGE]) == 5


def test_a_wrong_cell_is_named_by_line_and_column(client: httpx.Client) -> None:
    spec = of_csv(uploaded(client, CSV.replace("4.70", "four")))
    job = made(client, spec)
    assert (job["state"], job["error"]["code"]) == ("failed", "invalid_cell")
    assert job["error"]["field"].startswith("blocks.0")
    assert job["files"] == []
    assert len(job["attempts"]) == 1
    problem = client.post("/v1/reports/validation", json=spec)
    assert problem.status_code == 422
    assert problem.json()["detail"] == job["error"]["message"]
    assert "ine 3" in problem.json()["detail"]
    assert "amount" in problem.json()["detail"]


def test_a_validation_sees_what_the_report_will_be(client: httpx.Client) -> None:
    rows = "".join(f"2026-11-{day:02},shop {day},{day}.50\n" for day in range(1, 31)) * 10
    spec = of_csv(uploaded(client, "day,shop,amount\n" + rows))
    seen = client.post("/v1/reports/validation", json=spec).raise_for_status().json()
    job = made(client, spec)
    assert seen["tables"] == [{"block": "blocks.0", "rows": 300, "columns": ["day", "shop", "amount"]}]
    assert {name: seen[name] for name in ("rows", "pages", "warnings")} == job["result"]
    assert seen["pages"] > 5


def test_a_picture_that_is_none_is_refused_by_its_block(client: httpx.Client) -> None:
    spec = {
        "document": {"title": "t"},
        "blocks": [
            {"type": "rule"},
            {"type": "image", "source": {"upload": uploaded(client, b"<html onload=alert(1)>")}},
        ],
    }
    job = made(client, spec)
    assert (job["state"], job["error"]["code"]) == ("failed", "unsupported_format")
    assert job["error"]["field"].startswith("blocks.1")


def test_an_xlsx_that_is_a_zip_bomb_or_nonsense_is_refused(client: httpx.Client) -> None:
    posted = client.post("/v1/reports", content=b"PK\x03\x04 nonsense", headers={"Content-Type": XLSX})
    job = ended(client, posted.json()["id"])
    assert (job["state"], job["error"]["code"]) == ("failed", "malformed_dataset")
