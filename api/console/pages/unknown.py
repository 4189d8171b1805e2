"""What is asked for below `/console` and is not there."""

from typing import NoReturn

from api.console.visit import ConsoleRouter, Visit
from tasks.refusal import Refusal

router = ConsoleRouter()


@router.page("/{path:path}")
async def show_unknown(visit: Visit) -> NoReturn:
    """The page that says so."""
    raise Refusal("not_found", f"The console has no page {visit.request.url.path}. The menu has all there are.")
