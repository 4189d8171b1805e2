"""The dashboard for Grafana, `docs/grafana.json`: `python -m tools.grafana` writes it again."""

import json
from typing import Any, Final

from tools.documents import ROOT

FILE = ROOT / "docs" / "grafana.json"
SOURCE: Final = {"type": "prometheus", "uid": "${source}"}
WIDTH, HEIGHT, COLUMNS = 12, 8, 2

HTTP_FAILED: Final = 'pressroom_http_requests_total{status="5xx"}'
FAILED: Final = 'pressroom_jobs_ended_total{state="failed"}'

Target = tuple[str, str]
"""A query, and what its series are called."""


def rate(metric: str, *by: str) -> str:
    """Per second. Several web processes tell the same numbers: the greatest is taken, never the sum of all."""
    labels = ", ".join(by)
    return f"sum by ({labels}) (max without (instance, pod) (rate({metric}[$__rate_interval])))"


def gauge(metric: str, *by: str) -> str:
    return f"max by ({', '.join(by)}) ({metric})"


def quantile(share: float, metric: str, *by: str) -> str:
    return f"histogram_quantile({share}, {rate(f'{metric}_bucket', 'le', *by)})"


PANELS: Final[list[tuple[str, str, list[Target]]]] = [
    (
        "Oldest job that could start (scale by this)",
        "s",
        [(gauge("pressroom_queue_oldest_due_seconds", "queue"), "{{queue}}")],
    ),
    ("Jobs ended", "ops", [(rate("pressroom_jobs_ended_total", "state"), "{{state}}")]),
    ("Jobs due", "short", [(gauge("pressroom_queue_due_jobs", "queue"), "{{queue}}")]),
    ("Jobs by state", "short", [(gauge("pressroom_queue_jobs", "queue", "state"), "{{queue}} {{state}}")]),
    (
        "Pickup",
        "s",
        [
            (quantile(share, "pressroom_pickup_seconds", "kind"), f"p{share * 100:g} {{{{kind}}}}")
            for share in (0.5, 0.99)
        ],
    ),
    (
        "Run time",
        "s",
        [(quantile(share, "pressroom_run_seconds", "kind"), f"p{share * 100:g} {{{{kind}}}}") for share in (0.5, 0.95)],
    ),
    (
        "Share of jobs that failed",
        "percentunit",
        [
            (
                f"{rate(FAILED, 'kind')} / {rate('pressroom_jobs_ended_total', 'kind')}",
                "{{kind}}",
            )
        ],
    ),
    ("Errors", "ops", [(rate("pressroom_errors_total", "kind", "code"), "{{kind}} {{code}}")]),
    ("Attempts", "ops", [(rate("pressroom_attempts_total", "outcome"), "{{outcome}}")]),
    ("Deliveries", "ops", [(rate("pressroom_delivery_attempts_total", "outcome"), "{{outcome}}")]),
    (
        "Workers",
        "short",
        [
            (gauge("pressroom_workers"), "alive"),
            (gauge("pressroom_workers_without_storage"), "without storage"),
            (gauge("pressroom_queue_workers", "queue"), "{{queue}}"),
        ],
    ),
    ("Event loop, worst lag", "s", [(gauge("pressroom_worker_loop_lag_seconds"), "lag")]),
    ("Memory of the workers", "bytes", [(gauge("pressroom_worker_memory_bytes"), "PSS")]),
    (
        "Memory of Redis",
        "bytes",
        [(gauge("pressroom_redis_memory_bytes"), "used"), (gauge("pressroom_redis_maxmemory_bytes"), "maxmemory")],
    ),
    (
        "Connections to Redis",
        "short",
        [
            (gauge("pressroom_redis_connections"), "open"),
            (gauge("pressroom_redis_maxclients"), "allowed"),
            (rate("pressroom_redis_refused_connections_total"), "refused each second"),
        ],
    ),
    ("Requests", "reqps", [(rate("pressroom_http_requests_total", "status"), "{{status}}")]),
    ("Requests that failed, by route", "reqps", [(rate(HTTP_FAILED, "method", "route"), "{{method}} {{route}}")]),
    (
        "Time to answer, p95",
        "s",
        [(quantile(0.95, "pressroom_http_request_seconds", "method", "route"), "{{method}} {{route}}")],
    ),
    ("Versions", "short", [("count by (version, commit) (pressroom_build_info)", "{{version}} {{commit}}")]),
    ("Sandbox deaths", "ops", [(rate("pressroom_sandbox_deaths_total", "code"), "{{code}}")]),
    (
        "Endpoints, alerts, paused queues",
        "short",
        [
            (gauge("pressroom_endpoints", "state"), "endpoints {{state}}"),
            (gauge("pressroom_alerts", "alert"), "alert {{alert}}"),
            (f"{gauge('pressroom_redis_full')} > 0", "Redis is full"),
            (f"{gauge('pressroom_queue_paused', 'queue')} > 0", "paused {{queue}}"),
        ],
    ),
    ("Records moved to the history", "ops", [(rate("pressroom_history_records_total", "kind"), "{{kind}}")]),
    ("Results used again", "ops", [(rate("pressroom_shared_results_total", "kind"), "{{kind}}")]),
    ("Files made", "Bps", [(rate("pressroom_stored_bytes_total", "kind"), "{{kind}}")]),
]


def dashboard() -> dict[str, Any]:
    return {
        "uid": "pressroom",
        "title": "Pressroom",
        "tags": ["pressroom"],
        "schemaVersion": 39,
        "editable": True,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "templating": {
            "list": [{"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}]
        },
        "panels": [_panel(number, *panel) for number, panel in enumerate(PANELS)],
    }


def _panel(number: int, title: str, unit: str, targets: list[Target]) -> dict[str, Any]:
    row, column = divmod(number, COLUMNS)
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": title,
        "datasource": SOURCE,
        "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0, "custom": {"fillOpacity": 10}}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}, "tooltip": {"mode": "multi"}},
        "targets": [
            {"refId": chr(ord("A") + n), "datasource": SOURCE, "expr": query, "legendFormat": legend}
            for n, (query, legend) in enumerate(targets)
        ],
    }


def text() -> str:
    return json.dumps(dashboard(), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
