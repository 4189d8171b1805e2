"""Slows down those who try keys: how many wrong ones a minute are answered, from one address and in all.

It is asked after a key was found to be wrong, so that a right key works from every address, whatever others send from
there. Each web process counts for itself. Logins with a password use it in the same way.
"""

import math
from collections import OrderedDict
from time import monotonic
from typing import Final

import structlog

from api.http.access.forwarded import network_of
from tasks.refusal import Refusal

log = structlog.get_logger()

MINUTE_S: Final = 60.0
MAX_NETWORKS: Final = 10_000
"""Networks that are counted apart: some 2 MB. Who has more of them meets the limit for all."""
ALL: Final = "all"


class Throttle:
    """Counts failed tries by network, and all of them together.

    Args:
        each_per_minute: Tries a minute from one IPv4 address or one /64 of IPv6; a minute's worth may come at once.
        all_per_minute: Tries a minute from everywhere.
    """

    def __init__(self, each_per_minute: int, all_per_minute: int) -> None:
        self._each = each_per_minute
        self._all = all_per_minute
        # network → when what it has had is paid for, as `monotonic` counts; who tried last stands last.
        self._paid_at: OrderedDict[str, float] = OrderedDict()
        self._all_paid_at = 0.0
        self._logged_at = -MINUTE_S

    def __len__(self) -> int:
        return len(self._paid_at)

    def refusal_of(self, address: str | None) -> Refusal | None:
        """Count a try that failed. Returns what it is answered with instead, if there were too many.

        Args:
            address: The client's IP address; None at a socket of this machine.
        """
        now, network = monotonic(), network_of(address) if address else ""
        paid_at, wait_s = _charge(self._paid_at.get(network, 0.0), now, self._each)
        who = f"from {network}" if network else "from this machine"
        if not wait_s:
            self._all_paid_at, wait_s = _charge(self._all_paid_at, now, self._all)
            who = ALL
        if not wait_s:
            self._paid_at[network] = paid_at
            self._paid_at.move_to_end(network)
            if len(self._paid_at) > MAX_NETWORKS:
                self._paid_at.popitem(last=False)
            return None
        if now - self._logged_at >= MINUTE_S:
            self._logged_at = now
            log.warning("auth.throttled", tries=who)
        return Refusal(
            "rate_limited",
            "Too many wrong API keys have come lately. A right one is accepted at any time.",
            field="Authorization",
            retry_after_s=math.ceil(wait_s),
        )


def _charge(paid_at: float, now: float, per_minute: int) -> tuple[float, float]:
    """Charge one try. Returns until when it is paid for, and how long to wait (seconds; 0 if it is allowed)."""
    cost, owed = MINUTE_S / per_minute, max(paid_at - now, 0.0)
    wait_s = max(owed + cost - MINUTE_S, 0.0)
    return (paid_at, wait_s) if wait_s > 1e-9 else (now + owed + cost, 0.0)
