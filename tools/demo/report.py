"""The demo's report: what it asks for, and what a reader of PDF files makes of it."""

from collections.abc import Sequence
from typing import Any

import pypdfium2

from tasks.report.spec.blocks import MAX_SHEET_IMAGES

TITLE = "What the demo made"
COLUMNS = [
    {"field": "photo", "title": "Photo"},
    {"field": "variant", "title": "Variant"},
    {"field": "width", "title": "Width", "type": "integer"},
    {"field": "height", "title": "Height", "type": "integer"},
    {"field": "bytes", "title": "Bytes", "type": "integer", "total": "sum"},
]


def spec(photos: Sequence[tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    """A report of thumbnail jobs that have succeeded, each with its photo's name."""
    made = [(name, job["id"], file) for name, job in photos for file in job["files"]]
    rows = [
        {
            "photo": name,
            "variant": file["name"],
            "width": file["about"]["width"],
            "height": file["about"]["height"],
            "bytes": file["bytes"],
        }
        for name, _, file in made
    ]
    variants = list(dict.fromkeys(file["variant"] for _, _, file in made))
    totals = [sum(file["bytes"] for _, _, file in made if file["variant"] == name) / 1000 for name in variants]
    sheet = [{"source": {"job": job_id, "file": file["name"]}, "caption": file["name"]} for _, job_id, file in made]
    del sheet[MAX_SHEET_IMAGES:]
    return {
        "document": {"title": TITLE, "author": "Pressroom"},
        "blocks": [
            {"type": "heading", "text": TITLE},
            {
                "type": "kpis",
                "items": [
                    {"label": "Photos", "value": str(len(photos))},
                    {"label": "Thumbnails", "value": str(len(made))},
                    {"label": "Kilobytes", "value": f"{sum(totals):,.0f}"},
                ],
            },
            {"type": "table", "columns": COLUMNS, "rows": rows},
            {
                "type": "chart",
                "kind": "bar",
                "title": "Kilobytes of each variant",
                "categories": variants,
                "series": [{"values": totals}],
            },
            {"type": "contact_sheet", "images": sheet, "columns": 4},
        ],
        "formats": ["pdf", "xlsx"],
        "preview": True,
    }


def faults(pdf: bytes, asked: dict[str, Any], pages: int) -> list[str]:
    """What differs between the PDF and what was asked for, as a reader of PDF files sees it."""
    document = pypdfium2.PdfDocument(pdf)
    text = "\n".join(page.get_textpage().get_text_bounded() for page in document)
    pictures = sum(one.type == pypdfium2.raw.FPDF_PAGEOBJ_IMAGE for page in document for one in page.get_objects())
    table, sheet = asked["blocks"][2], asked["blocks"][4]
    wanted = [TITLE, *(row["variant"] for row in table["rows"]), f"{sum(row['bytes'] for row in table['rows']):,}"]
    found = [f"it does not say {words!r}" for words in wanted if words not in text]
    if len(document) != pages:
        found.append(f"it has {len(document)} pages, not {pages}")
    if pictures != len(sheet["images"]):
        found.append(f"it shows {pictures} pictures, not {len(sheet['images'])}")
    return found
