"""The OpenAPI request bodies of `/v1/reports`. A test sends every example."""

from typing import Any

from api.http.components import BINARY, component
from api.http.json_body import JSON_TYPE
from api.jobs.views import EXAMPLE_UPLOAD
from api.reports.specs import ReportBody
from api.reports.tables import TABLE_TYPES, XLSX_TYPE, TableOptions

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

_OPTIONS = TableOptions.model_fields.items()
_SPEC: dict[str, Any] = {
    "schema": component(ReportBody),
    "examples": {
        "small": {"summary": "Figures, a table and a chart", "value": SMALL},
        "uploaded": {"summary": "An uploaded table with subtotals, as PDF and XLSX", "value": UPLOADED},
    },
}
_FILE: dict[str, Any] = {"schema": BINARY, "examples": {"file": {"summary": "A file", "value": "sales.csv"}}}
_TABLES: dict[str, dict[str, Any]] = {
    "text/csv": {"schema": {"type": "string"}, "examples": {"csv": {"summary": "A CSV", "value": CSV}}},
    XLSX_TYPE: {"schema": BINARY, "examples": {"xlsx": {"summary": "An Excel file", "value": "sales.xlsx"}}},
    "application/x-ndjson": {
        "schema": {"type": "string"},
        "examples": {"ndjson": {"summary": "One JSON object per line", "value": NDJSON}},
    },
}
_FORM: dict[str, Any] = {
    "schema": {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {**BINARY, "description": "The table, in any of the formats."},
            **{name: {"type": "string", "description": one.description} for name, one in _OPTIONS},
            "name": {"type": "string", "description": "The same as the parameter."},
            "notify": {"type": "string", "description": "The same as the parameter."},
            "tags": {"type": "string", "description": "The same as the parameter."},
            "metadata": {"type": "string", "description": "The same as the parameter."},
        },
    },
    "examples": {
        "form": {
            "summary": "A file with its options",
            "value": {"file": ["sales.csv"], "title": "Sales", "total": "amount"},
        }
    },
}
SPEC_BODY: dict[str, Any] = {
    "requestBody": {"required": True, "description": "A report spec.", "content": {JSON_TYPE: _SPEC}}
}
SPEC_OR_TABLE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "A report spec, a table, or a form with a table as its file. A row of the table holds the "
        "column names. An array of JSON objects is a table too.",
        "content": {
            JSON_TYPE: _SPEC,
            "multipart/form-data": _FORM,
            **{media_type: _TABLES.get(media_type, _FILE) for media_type in TABLE_TYPES},
        },
    }
}
