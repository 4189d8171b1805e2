"""How many jobs of one lane, and deliveries of one owner, may run at once, as the scripts take it."""

from tasks.settings import Settings


def lane_caps(settings: Settings) -> dict[str, int | bool]:
    """The caps.

    Returns:
        lane_cap: jobs of an owner in one queue, 0 is no cap; auto: whether its share is computed instead
        (`owners/running.lua`); receiver_cap: deliveries to one endpoint; owner_cap: deliveries of one owner, 0 is no
        cap.
    """
    most = settings.owner_max_running
    return {
        "lane_cap": 0 if most == "auto" else most,
        "auto": most == "auto",
        "receiver_cap": settings.endpoint_max_in_flight,
        "owner_cap": settings.owner_max_deliveries,
    }
