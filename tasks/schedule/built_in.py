"""The schedules that come with the service. Workers install and fire them."""

from typing import Final

from tasks.maintenance.activity import ACTIVITY
from tasks.maintenance.alerts import ALERTS
from tasks.maintenance.cleanup import CLEANUP
from tasks.maintenance.reconciliation import RECONCILIATION
from tasks.schedule.store import BuiltInSchedule

HOUR_S: Final = 3600

BUILT_IN: Final = (
    BuiltInSchedule(CLEANUP, "17 3 * * *", "Removes files that no job or upload needs any more.", misfire=6 * HOUR_S),
    BuiltInSchedule(RECONCILIATION, "* * * * *", "Repairs queue entries that Redis has lost."),
    BuiltInSchedule(ALERTS, "* * * * *", "Checks queues and endpoints, sends alerts, and samples metrics."),
    BuiltInSchedule(ACTIVITY, "0 6 * * *", "Makes a report of the last day for each admin.", misfire=12 * HOUR_S),
)
