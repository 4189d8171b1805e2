"""API keys: what each may do, and making, replacing and revoking them."""

from typing import Any, Final

from fastapi import Response

from api.accounts.key_views import GRACE
from api.console.calls import ApiCall, ProblemError, at, with_query
from api.console.forms import Form
from api.console.owner_choice import chosen_owner, known_owners
from api.console.visit import ROOT, ConsoleRouter, Visit
from tasks.accounts.scopes import SCOPES

router = ConsoleRouter()

KEYS: Final = f"{ROOT}/keys"
LIVES: Final = ("30d", "90d", "365d", "")
GRACES: Final = ("1h", GRACE, "7d")
EXAMPLE: Final = ApiCall("POST", "/v1/keys", body={"name": "ci", "scopes": ["images", "jobs:read"], "expires": "90d"})


@router.page("/keys")
async def show_keys(visit: Visit) -> Response:
    """The keys of an owner, and the form for another one."""
    owner = chosen_owner(visit, visit.query)
    keys, owners = [], await known_owners(visit)
    try:
        keys = (await visit.api.get("/v1/keys", owner=owner))["keys"]
        is_allowed = True
    except ProblemError as error:
        if error.problem["code"] != "forbidden":
            raise
        is_allowed = False
    scopes = [scope for scope in SCOPES if visit.access.is_admin or scope in visit.access.scopes]
    return visit.show(
        "accounts/keys.html",
        keys=keys,
        is_allowed=is_allowed,
        owner=owner,
        owners=owners,
        scopes=scopes,
        lives=LIVES,
        example=EXAMPLE,
        listing=ApiCall("GET", "/v1/keys", {"owner": owner}),
    )


@router.action("/keys")
async def make_key(visit: Visit) -> Response:
    """Make a key. The answer is a page of its own, since the key may be in no URL and no cookie."""
    form = await visit.form()
    body = {
        "name": form.get("name", ""),
        "scopes": form.getlist("scopes"),
        "read_only": "read_only" in form,
        "expires": form.get("expires") or None,
        "owner": chosen_owner(visit, form),
    }
    made = await visit.api.send(ApiCall("POST", "/v1/keys", body=body))
    return visit.show("accounts/key_made.html", key=made.json())


@router.page("/keys/{id}")
async def show_key(visit: Visit) -> Response:
    """One key, and what can be done with it."""
    path, owner = at("keys", visit.path["id"]), chosen_owner(visit, visit.query)
    key = await visit.api.get(path, owner=owner)
    return visit.show(
        "accounts/key.html",
        key=key,
        home=with_query(KEYS, {"owner": owner}),
        owner=owner,
        graces=GRACES,
        rotation=_rotation(visit, owner, {"grace": GRACE}),
        revocation=ApiCall("DELETE", path, {"owner": owner}),
    )


@router.action("/keys/{id}/rotate")
async def rotate_key(visit: Visit) -> Response:
    """Replace a key by a new one, which the answer shows."""
    form = await visit.form()
    made = await visit.api.send(_rotation(visit, chosen_owner(visit, form), _grace(form)))
    return visit.show("accounts/key_made.html", key=made.json())


@router.action("/keys/{id}/revoke")
async def revoke_key(visit: Visit) -> Response:
    """End a key."""
    form = await visit.form()
    owner = chosen_owner(visit, form)
    call = ApiCall("DELETE", at("keys", visit.path["id"]), {"owner": owner})
    return await visit.act(
        call, to=with_query(KEYS, {"owner": owner}), done="keys.revoked_now", name=form.get("name", visit.path["id"])
    )


def _rotation(visit: Visit, owner: str | None, body: dict[str, Any]) -> ApiCall:
    return ApiCall("POST", at("keys", visit.path["id"], "rotation"), {"owner": owner}, body)


def _grace(form: Form) -> dict[str, str]:
    return {"grace": form["grace"]} if form.get("grace") else {}
