"""The pages of the portal: those of the console about webhooks, as far as a customer may use them."""

from typing import Final

from fastapi import Response

from api.console.calls import at
from api.console.pages.webhooks import endpoint, endpoints
from api.console.pages.webhooks.answers import whole_delivery
from api.console.pages.webhooks.endpoint import PAGE
from api.console.pages.webhooks.place import HOME, EndpointPlace
from api.console.visit import Visit
from api.portal.visit import PortalRouter

router = PortalRouter()
SHOWN: Final = {
    HOME: endpoints.show_endpoints,
    f"{HOME}/new": endpoints.new_endpoint,
    PAGE: endpoint.show_endpoint,
    f"{PAGE}/edit": endpoints.edit_endpoint,
    f"{PAGE}/secret": endpoint.confirm_rotation,
    f"{PAGE}/deletion": endpoint.confirm_deletion,
}
DONE: Final = {
    f"{HOME}/new": endpoints.create_endpoint,
    f"{PAGE}/edit": endpoints.change_endpoint,
    f"{PAGE}/secret": endpoint.rotate_secret,
    f"{PAGE}/deletion": endpoint.delete_endpoint,
    f"{PAGE}/test": endpoint.check_endpoint,
    f"{PAGE}/enable": endpoint.enable_endpoint,
    f"{PAGE}/disable": endpoint.disable_endpoint,
    f"{PAGE}/deliveries/{{delivery}}/resend": endpoint.resend,
    f"{PAGE}/deliveries/{{delivery}}/cancel": endpoint.give_up,
}


async def show_delivery(visit: Visit) -> Response:
    """One delivery with its attempts."""
    delivery = whole_delivery(await visit.api.get(at("deliveries", visit.path["id"])))
    place = EndpointPlace(visit, delivery["endpoint"])
    return visit.show("portal/delivery.html", delivery=delivery, at=place)


for _path, _page in SHOWN.items():
    router.add_page(_path, _page)
for _path, _page in DONE.items():
    router.add_page(_path, _page, "POST")
router.add_page("/jobs/{id}", show_delivery)
