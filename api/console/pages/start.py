"""What runs, what is stuck and why."""

from fastapi import Response

from api.console.visit import ConsoleRouter, Visit

router = ConsoleRouter()


@router.page("")
async def show_overview(visit: Visit) -> Response:
    """The state of everything that the visitor may see."""
    jobs = await visit.api.get("/v1/jobs", counts=True, limit=1)
    return visit.show("overview.html", counts=jobs["counts"])
