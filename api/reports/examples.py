"""The OpenAPI request bodies of `/v1/reports`. A test sends every example."""

from typing import Any

from api.http.components import BINARY, component
from api.http.json_body import JSON_TYPE
from api.jobs.views import EXAMPLE_UPLOAD
from api.reports.specs import ReportBody
from api.reports.tables import TABLE_TYPES

SMALL: dict[str, Any] = {
    "document": {"title": "Sales in November", "lang": "en-GB", "currency": "GBP"},
    "blocks": [
        {"type": "heading", "text": "Sales in November"},
        {"type": "kpis", "items": [{"label": "Revenue", "value": "£12,840", "change": "+8 %", "good": True}]},
        {
            "type": "table",
            "columns": [
                {"field": "shop", "title": "Shop"},
                {"field": "revenue", "title": "Revenue", "type": "money", "total": "sum"},
            ],
            "rows": [{"shop": "Leeds", "revenue": "7410.50"}, {"shop": "York", "revenue": "5429.50"}],
        },
        {"type": "chart", "kind": "bar", "categories": ["Leeds", "York"], "series": [{"values": [7410.5, 5429.5]}]},
    ],
}
UPLOADED: dict[str, Any] = {
    "document": {"title": "Ledger", "lang": "de-DE", "page": {"orientation": "landscape"}, "toc": {}},
    "datasets": {"ledger": {"upload": EXAMPLE_UPLOAD, "format": "csv"}},
    "blocks": [
        {"type": "heading", "text": "Ledger"},
        {
            "type": "table",
            "dataset": "ledger",
            "columns": [
                {"field": "day", "title": "Day", "type": "date"},
                {"field": "account", "title": "Account"},
                {"field": "amount", "title": "Amount", "type": "money", "total": "sum"},
            ],
            "group_by": [{"field": "account"}],
        },
    ],
    "formats": ["pdf", "xlsx"],
    "preview": True,
}
CSV = "day,account,amount\n2026-11-01,rent,950.00\n2026-11-02,post,4.70\n"
NDJSON = '{"day": "2026-11-01", "account": "rent", "amount": "950.00"}\n'

_SPEC: dict[str, Any] = {
    "schema": component(ReportBody),
    "examples": {
        "small": {"summary": "Figures, a table and a chart", "value": SMALL},
        "uploaded": {"summary": "An uploaded table with subtotals, as PDF and XLSX", "value": UPLOADED},
    },
}
_TABLES: dict[str, Any] = {
    "csv": {"schema": {"type": "string"}, "examples": {"csv": {"summary": "A CSV", "value": CSV}}},
    "xlsx": {
        "schema": BINARY,
        "examples": {"xlsx": {"summary": "An Excel file", "value": "sales.xlsx"}},
    },
    "ndjson": {
        "schema": {"type": "string"},
        "examples": {"ndjson": {"summary": "One JSON object per line", "value": NDJSON}},
    },
}
SPEC_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "description": "A report spec.", "content": {JSON_TYPE: _SPEC}}
}
SPEC_OR_TABLE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A report spec, or a table whose first row holds the column names.",
        "content": {JSON_TYPE: _SPEC, **{media_type: _TABLES[name] for media_type, name in TABLE_TYPES.items()}},
    }
}
