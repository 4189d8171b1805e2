"""Where an endpoint is found: its calls of the API, and its pages."""

from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import quote

from api.console.calls import ApiCall, at, with_query
from api.console.forms import Form
from api.console.owner_choice import chosen_owner
from api.console.visit import Visit
from tasks.queue.records.indexes import EVERYONE

HOME = "/webhooks"


class EndpointPlace:
    """The endpoint that a visit names in its path; `?owner=` is for admins, who see those of others. With `?channel=`
    its pages lead back to the endpoints of that channel, with `?list=*` to everyone's.

    Args:
        visit: The visit.
        endpoint_id: Another endpoint than the one in the path.
        form: The form that names the owner, in place of the query.
    """

    def __init__(self, visit: Visit, endpoint_id: str | None = None, form: Form | None = None) -> None:
        self.id: str = endpoint_id or visit.path["id"]
        self.owner = meant_owner(visit, form)
        self._home = visit.place(HOME)
        self._list = {**list_query(visit), "owner": self.owner, "list": visit.query.get("list")}

    @classmethod
    def of(cls, visit: Visit, endpoint: Mapping[str, Any], listed: str | None) -> Self:
        """Where an endpoint of a list is.

        Args:
            visit: The visit of the list.
            endpoint: The endpoint.
            listed: Whose endpoints the list has.
        """
        place = cls(visit, endpoint["id"])
        if listed == EVERYONE:
            place.owner = chosen_owner(visit, endpoint)
            place._list |= {"owner": place.owner, "list": EVERYONE if place.owner else None}
        return place

    def call(self, method: str, *segments: str, body: Any = None) -> ApiCall:
        """A call about it. segments: of the path behind its id."""
        return ApiCall(method, at("endpoints", self.id, *segments), {"owner": self.owner}, body)

    def page(self, *segments: str, **query: str | int | None) -> str:
        """The path of a page about it. segments: behind its id."""
        path = "/".join((self._home, quote(self.id, safe=""), *segments))
        return with_query(path, {**self._list, **query})

    @property
    def home(self) -> str:
        """The list of endpoints, as it was filtered."""
        owner = None if self._list["list"] == EVERYONE else self.owner
        return with_query(self._home, {**self._list, "owner": owner, "list": None})


def meant_owner(visit: Visit, form: Form | None) -> str | None:
    """Whose endpoint is meant, as a form or the query names the owner; None if it is the visitor's own."""
    return chosen_owner(visit, form if form and "owner" in form else visit.query)


def list_query(visit: Visit) -> dict[str, str | None]:
    """What the list of endpoints is filtered by; the pages of each endpoint have it in their URLs too."""
    owner = chosen_owner(visit, visit.query)
    return {"owner": None if owner == EVERYONE else owner, "channel": visit.query.get("channel")}
