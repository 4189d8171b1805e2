"""How long ended jobs are kept."""

from tasks.queue.jobs.retention import DELIVERY_RETRIES_S
from tasks.webhook.events import RETRY_DELAYS_S, RETRY_JITTER


def test_an_event_is_kept_for_as_long_as_its_deliveries_are_retried() -> None:
    assert int(sum(RETRY_DELAYS_S) * (1 + RETRY_JITTER)) == DELIVERY_RETRIES_S
