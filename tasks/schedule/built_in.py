"""The schedules that come with the service: one line each. Workers install them in the timetable, and tick."""

from typing import Final

from tasks.maintenance.activity import ACTIVITY
from tasks.maintenance.alerts import ALERTS
from tasks.maintenance.cleanup import CLEANUP
from tasks.maintenance.reconciliation import RECONCILIATION
from tasks.schedule.store import BuiltInSchedule

HOUR_S: Final = 3600

BUILT_IN: Final = (
    BuiltInSchedule(CLEANUP, "17 3 * * *", "Removes files that nobody needs any more.", misfire=6 * HOUR_S),
    BuiltInSchedule(RECONCILIATION, "* * * * *", "Puts right what the queue's books have lost."),
    BuiltInSchedule(ALERTS, "* * * * *", "Tells of what somebody should look at."),
    BuiltInSchedule(ACTIVITY, "0 6 * * *", "Gives each admin a report of the last day.", misfire=12 * HOUR_S),
)
