"""Every route for every role, from the OpenAPI document: who has no right to a thing never learns whether it exists.

A new route is walked as soon as it is in the document. A new path parameter needs a thing in `tests.support.api.owned`,
and a route whose body decides what it does a line in BODIES.
"""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import pytest
from arq.connections import ArqRedis

from api.http.access.scopes import READING
from api.http.access.tokens.routes import TOKEN_ROUTES
from tasks.accounts.audit import AuditLog, AuditSelection
from tasks.accounts.key_format import digest_of, id_of, new_key
from tasks.accounts.owners import OwnerStore
from tasks.accounts.scopes import ADMIN, ALL_SCOPES
from tasks.queue.account_keys import API_KEY
from tasks.settings import Settings
from tasks.storage.protocol import Storage
from tests.support.api.documented import document
from tests.support.api.manual_worker import ManualWorker
from tests.support.api.owned import NOT_OWNED, ORIGIN, Owned
from tests.support.api.pictures import PNG
from tests.support.api.serving import ALICE, serving
from tests.support.api.tus import TUS
from tests.support.eventually import eventually

LATER_MS: Final = 4_000_000_000_000
BODIES: Final[dict[str, Any]] = {
    "change_endpoint": {"description": "changed"},
    "rotate_secret": {},
    "recover_endpoint": {"since": "2026-11-20"},
    "change_schedule": {"name": "changed"},
    "put_preset": {"variants": [{"name": "card", "width": 65}]},
}
"""operation → a body that is valid, so that the request gets as far as it can."""
HEADERS: Final = {
    "append_to_resumable_upload": {**TUS, "Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"}
}
QUERIES: Final = {"listen_for_events": "wait=0", "follow_changes": "seconds=0"}
OWN_NAMES: Final = frozenset({"put_preset"})
"""Operations that make what they name: another owner's thing of the same name has nothing to do with it."""
UNCHANGED: Final = frozenset({"redeliver"})
"""Operations that change nothing of the things here: the delivery waits already."""
UNSAFE_LAST: Final = ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE")


@dataclass(frozen=True)
class Operation:
    """A method of a path."""

    id: str
    method: str
    path: str
    scopes: tuple[str, ...]
    queries: frozenset[str] = field(default_factory=frozenset)

    @property
    def parameters(self) -> list[str]:
        return re.findall(r"{(\w+)}", self.path)

    @property
    def is_open(self) -> bool:
        return not self.scopes

    def url(self, things: dict[str, str]) -> str:
        query = QUERIES.get(self.id)
        return self.path.format_map(NOT_OWNED | things) + (f"?{query}" if query else "")


def operations() -> list[Operation]:
    """All of the document, the ones that end things last; GET stands for HEAD as well."""
    found = [
        Operation(
            spec["operationId"],
            method.upper(),
            path,
            tuple(scope for one in spec.get("security", ()) for scope in one.get("key", ())),
            frozenset(one["name"] for one in spec.get("parameters", ()) if one["in"] == "query"),
        )
        for path, methods in document()["paths"].items()
        for method, spec in methods.items()
    ]
    twins = [Operation(one.id, "HEAD", one.path, one.scopes, one.queries) for one in found if one.method == "GET"]
    known = {(one.method, one.path) for one in found}
    found += [twin for twin in twins if (twin.method, twin.path) not in known]
    return sorted(found, key=lambda one: UNSAFE_LAST.index(one.method))


OPERATIONS: Final = operations()
NAMED: Final = {name for one in OPERATIONS for name in one.parameters} - NOT_OWNED.keys()
UNKNOWN: Final = dict.fromkeys(NAMED, "0" * 32)
PROTECTED: Final = [one for one in OPERATIONS if one.path.startswith("/v1/")]


class Walk:
    """Sends requests to one server, each as some role."""

    def __init__(self, client: httpx.AsyncClient, redis: ArqRedis) -> None:
        self._client = client
        self._redis = redis

    async def key(self, owner: str = "alice", scopes: frozenset[str] = ALL_SCOPES - {ADMIN}, **fields: Any) -> str:
        """A new key in Redis."""
        key = new_key()
        digest = digest_of(key)
        known = {"digest": digest, "owner": owner, "scopes": ",".join(sorted(scopes)), "read_only": 0}
        more = {"name": "walk", "created_at": 1, "made_by": "cli", **fields}
        await self._redis.hset(API_KEY + id_of(digest), mapping=known | more)  # type: ignore[arg-type]
        return key

    async def things(self, owned: Owned, key: str, owner: str) -> dict[str, str]:
        """New things of the owner of a key."""
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(base_url=self._client.base_url, headers=headers, timeout=30) as client:
            return await owned.make(client, owner)

    async def send(
        self, one: Operation, url: str, token: str | None, *, origin: str | None = None, **more: Any
    ) -> httpx.Response:
        headers: dict[str, Any] = {
            **({"Origin": origin} if origin else {}),
            "X-Request-Id": "walk",
            **HEADERS.get(one.id, TUS if "resumable" in one.path else {}),
        }
        if token is not None:
            headers["Authorization"] = f"Bearer {token}".encode("latin-1")
        body = {"json": BODIES[one.id]} if one.id in BODIES else {}
        return await self._client.request(one.method, url, headers=headers, **body, **more)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    many = {"wrong_keys_per_minute": 1_000_000, "wrong_keys_all_per_minute": 1_000_000}
    return settings.model_copy(update={"max_wait_s": 0, **many})


@pytest.fixture
async def walk(settings: Settings, redis: ArqRedis) -> AsyncIterator[Walk]:
    async with serving(settings) as port, httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        await OwnerStore(redis).create(NOT_OWNED["owner"], {})
        yield Walk(client, redis)
        for key in await redis.keys(API_KEY + "*"):
            await redis.delete(key)


@pytest.fixture
def owned(redis: ArqRedis, worker: ManualWorker, storage: Storage) -> Owned:
    return Owned(redis, worker, storage)


def is_refused(answer: httpx.Response, status: int, code: str) -> bool:
    """Whether it is this refusal. That of a HEAD has no code."""
    return answer.status_code == status and (not answer.content or answer.json()["code"] == code)


async def test_without_a_valid_key_every_route_is_closed(walk: Walk, owned: Owned) -> None:
    """What was sent may exist or not: both are answered alike, before the body is read."""
    unknown = new_key()
    tokens = {
        "none": None,
        "unknown": unknown,
        "mistyped": unknown[:-1] + ("a" if unknown[-1] != "a" else "b"),
        "expired": await walk.key(expires_at=1),
        "revoked": await walk.key(revoked_at=1),
        "prefix alone": "pr_live_",
        "of the settings, cut": ALICE[:-1],
        "upload token": "pr_up_" + "x" * 49,
        "job token": "pr_job_" + "x" * 49,
        "signed URL": "v1.x.y",
        "not ASCII": "pr_live_" + "\u00e9" * 49,
    }
    wrong = []
    for one in PROTECTED:
        for name, token in (*tokens.items(),)[: 1 if one.method == "HEAD" else None]:
            answer = await walk.send(one, one.url(UNKNOWN), token)
            if not is_refused(answer, 401, "unauthorized"):
                wrong.append((one.method, one.path, name, answer.status_code))
    assert wrong == []


async def test_a_key_opens_the_routes_of_its_scopes_and_no_others(walk: Walk) -> None:
    """A route that names several scopes is opened by each of them."""
    keys = {scope: await walk.key(scopes=frozenset({scope})) for scope in ALL_SCOPES}
    others = {needed: await walk.key(scopes=ALL_SCOPES - {*needed}) for needed in {one.scopes for one in PROTECTED}}
    wrong = []
    for one in PROTECTED:
        if not is_refused(await walk.send(one, one.url(UNKNOWN), others[one.scopes]), 403, "forbidden"):
            wrong.append((one.method, one.path, "without its scopes"))
        opened = [await walk.send(one, one.url(UNKNOWN), keys[scope]) for scope in one.scopes]
        if any(answer.status_code in (401, 403) for answer in opened):
            wrong.append((one.method, one.path, "with one of its scopes"))
    assert wrong == []


async def test_a_step_of_a_workflow_needs_the_scope_of_its_kind(walk: Walk) -> None:
    submit = next(one for one in OPERATIONS if one.id == "submit_workflow")
    params = {
        "event": ("webhooks", {"type": "a", "data": 1}),
        "report": ("reports", {"document": {"title": "x"}, "blocks": [{"type": "text", "text": "x"}]}),
        "thumbnail": ("images", {"upload": "0" * 32}),
    }
    for kind, (needed, about) in params.items():
        body = {"steps": [{"name": "a", "kind": kind, "params": about}]}
        for scope in ("images", "reports", "webhooks", "jobs:write"):
            answer = await walk.send(submit, "/v1/workflows", await walk.key(scopes=frozenset({scope})), json=body)
            assert (answer.status_code == 403) == (scope != needed), (kind, scope, answer.text)


async def test_a_read_only_key_changes_nothing(walk: Walk) -> None:
    key = await walk.key(scopes=ALL_SCOPES, read_only=1)
    for one in PROTECTED:
        answer = await walk.send(one, one.url(UNKNOWN), key)
        refused = is_refused(answer, 403, "forbidden")
        assert refused == (one.method not in (*READING, "OPTIONS")), (one, answer.text)


async def page_credentials(walk: Walk, owned: Owned, key: str) -> tuple[dict[str, str], str]:
    """A real upload token and a real job token of an owner, and the path of a real signed URL."""
    by_id = {one.id: one for one in OPERATIONS if one.method == "POST"}
    minted = await walk.send(by_id["create_upload_token"], "/v1/upload-tokens", key, json={"origin": ORIGIN})
    upload_token = minted.json()["token"]
    submit = by_id["submit_images"]
    job = (await walk.send(submit, "/v1/images", upload_token, origin=ORIGIN, content=PNG)).json()
    signed = await owned.signed_url(job["id"])
    return {"upload_token": upload_token, "job_token": job["token"]}, signed


async def test_a_suspended_owner_is_refused_by_every_route(walk: Walk, owned: Owned, redis: ArqRedis) -> None:
    """Also what it has given to pages. On the routes that a token never opens, it is refused for that."""
    key = await walk.key("alice")
    tokens, signed = await page_credentials(walk, owned, key)
    files = [one for one in OPERATIONS if one.path == "/f/{signed}"]
    assert {one.method for one in files} == {"GET", "HEAD"}
    assert [(await walk.send(one, signed, None)).status_code for one in files] == [200, 200]
    await OwnerStore(redis).create("alice", {})
    await OwnerStore(redis).suspend("alice")

    async def noticed() -> bool:
        return (await walk.send(files[0], signed, None)).status_code == 403

    await eventually(noticed)
    for one in PROTECTED:
        assert is_refused(await walk.send(one, one.url(UNKNOWN), key), 403, "owner_suspended"), one
        for kind, token in tokens.items():
            answer = await walk.send(one, one.url(UNKNOWN), token, origin=ORIGIN)
            opens = [route.kind for route in TOKEN_ROUTES if route.opens(one.method, one.path)]
            code = "owner_suspended" if kind in opens else "token_forbids"
            assert is_refused(answer, 403, code), (one, kind, answer.text)
    for one in files:
        assert is_refused(await walk.send(one, signed, None), 403, "owner_suspended"), one


async def test_a_signed_url_opens_its_file_and_no_route(walk: Walk, owned: Owned) -> None:
    """It is not asked who opens it; and as a key it is worth nothing, whole or in part."""
    key = await walk.key("alice")
    tokens, signed = await page_credentials(walk, owned, key)
    for one in OPERATIONS:
        if one.path == "/f/{signed}":
            for token in (None, key, *tokens.values(), await walk.key("bob"), "x"):
                assert (await walk.send(one, signed, token)).status_code == 200, one
    for one in PROTECTED:
        if one.method != "HEAD":
            answer = await walk.send(one, one.url(UNKNOWN), signed.removeprefix("/f/"))
            assert is_refused(answer, 401, "unauthorized"), one


async def test_another_owners_thing_is_as_if_it_did_not_exist(walk: Walk, owned: Owned) -> None:
    alice, bob = await walk.key("alice"), await walk.key("bob")
    things = await walk.things(owned, alice, "alice")
    for one in PROTECTED:
        for name in one.parameters:
            if name in NOT_OWNED or one.id in OWN_NAMES:
                continue
            made_up = re.sub("[0-9a-z]", "0", things[name])
            known = await walk.send(one, one.url(things), bob)
            unknown = await walk.send(one, one.url(things | {name: made_up}), bob)
            assert not known.is_success, (one, known.text)
            assert seen(known, things[name], made_up) == seen(unknown, things[name], made_up), one
    # Nothing of it was changed.
    assert await walk.things(owned, bob, "bob")
    for one in PROTECTED:
        if one.method == "GET" and one.parameters and ADMIN not in one.scopes:
            answer = await walk.send(one, one.url(things), alice)
            assert answer.is_success, (one, answer.text)


def seen(answer: httpx.Response, thing: str, made_up: str) -> tuple[int, bytes, list[tuple[str, str]]]:
    """All that a client sees, but for the time, and with one id in the place of another."""
    headers = [(name, value) for name, value in answer.headers.items() if name != "date"]
    return answer.status_code, answer.content.replace(thing.encode(), made_up.encode()), headers


async def test_another_owners_thing_in_a_body_or_a_query_is_as_if_it_did_not_exist(walk: Walk, owned: Owned) -> None:
    alice, bob = await walk.key("alice"), await walk.key("bob")
    things = await walk.things(owned, alice, "alice")
    variants = [{"name": "card", "width": 64}]
    dataset = {"blocks": [{"type": "table", "dataset": "d"}]}

    def requests(things: dict[str, str]) -> list[tuple[str, str, Any]]:
        event = {"type": "a.b", "data": {}}
        return [
            ("POST", "/v1/images", {"upload": things["upload_id"], "variants": variants}),
            ("POST", "/v1/images", {"job": things["job_id"], "variants": variants}),
            ("POST", "/v1/reports", {**dataset, "datasets": {"d": {"upload": things["upload_id"]}}}),
            ("POST", "/v1/reports/validation", {**dataset, "datasets": {"d": {"upload": things["upload_id"]}}}),
            ("POST", f"/v1/events?after={things['job_id']}", event),
            ("POST", f"/v1/events?batch={things['batch_id']}", event),
            ("GET", f"/v1/deliveries?endpoint={things['endpoint_id']}", None),
            ("GET", f"/v1/jobs?q={things['job_id']}", None),
        ]

    for method, url, body in requests(things):
        ((name, made_up),) = [
            (name, re.sub("[0-9a-z]", "0", thing)) for name, thing in things.items() if thing in f"{url} {body}"
        ]
        other_url, other_body = next(
            (other[1], other[2])
            for other in requests(things | {name: made_up})
            if (other[0], other[1].replace(made_up, things[name])) == (method, url)
            and str(other[2]).replace(made_up, things[name]) == str(body)
        )
        operation = Operation("", method, url, ())
        known = await walk.send(operation, url, bob, **({"json": body} if body else {}))
        unknown = await walk.send(operation, other_url, bob, **({"json": other_body} if body else {}))
        assert seen(known, things[name], made_up) == seen(unknown, things[name], made_up), (url, known.text)
        assert known.status_code != 202, (url, body)


async def test_an_owner_reaches_its_own_and_an_admin_everything(walk: Walk, owned: Owned, redis: ArqRedis) -> None:
    alice, root = await walk.key("alice"), await walk.key("root", ALL_SCOPES)
    for key, query in ((alice, ""), (root, "owner=alice")):
        things = await walk.things(owned, alice, "alice")
        for one in PROTECTED:
            if ADMIN in one.scopes and key == alice and len(one.scopes) == 1:
                continue
            if one.parameters and query and "owner" not in one.queries and ADMIN not in one.scopes:
                continue
            url = one.url(things)
            if query and "owner" in one.queries:
                url += ("&" if "?" in url else "?") + query
            answer = await walk.send(one, url, key)
            assert answer.status_code not in (401, 403, 404), (one, answer.text)
            assert answer.status_code < 500, (one, answer.text)
            if one.method in READING:
                assert answer.is_success, (one, answer.text)
            elif query and answer.is_success and "owner" in one.queries and one.id not in UNCHANGED:
                await in_the_audit_log(redis, one)


async def test_what_is_open_to_everyone_asks_for_no_key(walk: Walk) -> None:
    for one in OPERATIONS:
        if one.is_open:
            answers = [await walk.send(one, one.url({}), token) for token in (None, "x", new_key(), await walk.key())]
            assert {answer.status_code for answer in answers} & {401, 403} == set(), one
            assert len({answer.status_code for answer in answers}) == 1, one


async def in_the_audit_log(redis: ArqRedis, one: Operation) -> None:
    """A change is there with its answer, a read some time after it."""
    is_read = all(scope.endswith(":read") for scope in one.scopes)
    selection = AuditSelection(owner="alice", action=one.id, outcome="read" if is_read else "done")

    async def who() -> list[str | None]:
        lines, _ = await AuditLog(redis).page(selection, limit=1)
        return [line.by for line in lines]

    assert await (eventually(who, ["root"]) if is_read else who()) == ["root"], one
