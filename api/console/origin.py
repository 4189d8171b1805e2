"""Which pages may send a form: ours alone. Browsers send a cookie with the forms of other sites too."""

from starlette.requests import Request

from api.http.access.scopes import READING
from api.http.context import process_context
from tasks.refusal import Refusal


def check_origin(request: Request) -> None:
    """Refuse what a page of another site has sent.

    Browsers say in `Sec-Fetch-Site` which site's page sends a request; on plain HTTP, but to their own machine, they
    leave it out, and there `Origin` counts.

    Args:
        request: The request.

    Raises:
        Refusal: `foreign_origin`.
    """
    if request.method in READING:
        return
    site = request.headers.get("sec-fetch-site")
    if site == "same-origin":
        return
    if site is not None:
        raise Refusal(
            "foreign_origin",
            f"Sec-Fetch-Site of this request is {site!r}: a page of another site has sent it. Open the page here, and "
            "send its form again.",
            field="Sec-Fetch-Site",
        )
    origin = request.headers.get("origin")
    if origin is None or origin not in _own_origins(request):
        raise Refusal(
            "foreign_origin",
            f"This request has no Sec-Fetch-Site, and its Origin is {origin!r}, which is none of this service's. Open "
            "the page under the host of PUBLIC_URL, and send its form again.",
            field="Origin",
        )


def _own_origins(request: Request) -> set[str]:
    context = process_context(request)
    host = context.forwarding.host(request.scope) or request.headers.get("host", "").lower()
    base_url = context.host_policy.base_url(request).lower()
    scheme, _, rest = base_url.partition("://")
    return {f"{scheme}://{rest.partition('/')[0]}", f"{context.forwarding.scheme(request.scope)}://{host}"}
