"""Every kind of job. To add one: write its file or folder beside the others, and its line here."""

from typing import Any

from tasks.kind import Kind
from tasks.maintenance.activity import ACTIVITY
from tasks.maintenance.alerts import ALERTS
from tasks.maintenance.bulk import BULK
from tasks.maintenance.cleanup import CLEANUP
from tasks.maintenance.reconciliation import RECONCILIATION
from tasks.report.kind import REPORT, VALIDATION
from tasks.thumbnail.kind import THUMBNAIL
from tasks.webhook.kind import DELIVERY, EVENT, RECOVERY

KINDS: dict[str, Kind[Any]] = {
    kind.name: kind
    for kind in (
        THUMBNAIL,
        REPORT,
        VALIDATION,
        EVENT,
        DELIVERY,
        RECOVERY,
        BULK,
        ACTIVITY,
        CLEANUP,
        RECONCILIATION,
        ALERTS,
    )
}
