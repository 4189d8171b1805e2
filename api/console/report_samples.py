"""Specs of reports to begin with."""

from collections.abc import Mapping
from typing import Any, Final

from api.reports.examples import SMALL

INVOICE: Final[dict[str, Any]] = {
    "document": {
        "title": "Invoice 2026-0042",
        "lang": "en-GB",
        "currency": "EUR",
        "footer": {"left": "Northwind GmbH, Bremen", "right": "{page} / {pages}"},
    },
    "blocks": [
        {"type": "heading", "text": "Invoice 2026-0042"},
        {"type": "text", "text": "Example Ltd, 1 High Street, Leeds. Payable within 14 days."},
        {
            "type": "table",
            "columns": [
                {"field": "what", "title": "Item"},
                {"field": "count", "title": "Count", "type": "integer"},
                {"field": "price", "title": "Price", "type": "money"},
                {"field": "amount", "title": "Amount", "type": "money", "total": "sum"},
            ],
            "rows": [
                {"what": "Printing, 500 copies", "count": 1, "price": "420.00", "amount": "420.00"},
                {"what": "Binding", "count": 500, "price": "0.35", "amount": "175.00"},
                {"what": "Delivery", "count": 1, "price": "19.90", "amount": "19.90"},
            ],
        },
    ],
}
CHARTS: Final[dict[str, Any]] = {
    "document": {"title": "Visitors", "lang": "en", "page": {"orientation": "landscape"}},
    "blocks": [
        {"type": "heading", "text": "Visitors by month"},
        {
            "type": "chart",
            "kind": "line",
            "categories": ["Jun", "Jul", "Aug", "Sep", "Oct", "Nov"],
            "series": [
                {"name": "2025", "values": [1210, 1340, 1180, 1420, 1510, 1490]},
                {"name": "2026", "values": [1480, 1590, 1530, 1720, 1880, 1960]},
            ],
        },
        {
            "type": "chart",
            "kind": "bar",
            "categories": ["Search", "Mail", "Direct", "Other"],
            "series": [{"name": "Visits", "values": [940, 520, 380, 120]}],
        },
    ],
}
SAMPLES: Final[Mapping[str, dict[str, Any]]] = {"figures": SMALL, "invoice": INVOICE, "charts": CHARTS}
"""By the names that pages have texts for: `try_report.sample_…`."""
