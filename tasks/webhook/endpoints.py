"""Endpoints: the URLs of subscribers, the event types that they subscribed to, and the secrets that sign deliveries."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from redis.asyncio import Redis

from tasks.queue.jobs.retention import keep_ms
from tasks.queue.lanes.lane_id import LaneId
from tasks.queue.records.cursor import read_cursor, write_cursor
from tasks.queue.records.indexes import of_endpoint
from tasks.queue.records.list import read_index
from tasks.queue.records.record import State, new_id
from tasks.queue.redis_keys import ENDPOINT, ENDPOINTS, JOBS, LANE, PARKED, SECOND_MS
from tasks.queue.script import Script
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.webhook.custom_headers import UNREADABLE
from tasks.webhook.endpoint_record import EndpointPatch, EndpointRecord, Reason, open_headers, seal_headers
from tasks.webhook.secret_box import SecretBox
from tasks.webhook.signature import key_of, new_private_key, new_secret

QUEUE: Final = "webhooks"
MAX_SECRETS: Final = 5
"""Live secrets of one endpoint: each adds a signature to the header."""


@dataclass(frozen=True, slots=True)
class EndpointHealth:
    """The health of an endpoint.

    Attributes:
        failures: consecutive ones.
        failing_since, parked_until: milliseconds since 1970.
        deliveries: their number by state.
    """

    failures: int
    failing_since: int | None
    parked_until: int | None
    deliveries: Mapping[str, int]


def open_box(settings: Settings) -> SecretBox:
    """The secret box of the settings. Raises: ValueError without a SECRET_KEY, unless it is for development."""
    key = settings.secret_key.get_secret_value() if settings.secret_key else None
    if key is None and not settings.dev:
        raise ValueError(
            "SECRET_KEY is empty, so the secrets of endpoints would be stored in Redis as plain text. Set it to 32 "
            "random characters or more (openssl rand -hex 32). On your own machine, DEV=1 does without."
        )
    return SecretBox.of(key)


class Endpoints:
    """Reads and changes endpoints. A change of record, indexes, subscriptions and lane is one script call."""

    def __init__(self, redis: "Redis[bytes]", settings: Settings, box: SecretBox) -> None:
        self._redis = redis
        self._settings = settings
        self._box = box
        self._script = Script(redis, "submit/endpoint")
        self._read_channel = Script(redis, "read/channel")

    async def create(
        self,
        owner: str,
        patch: EndpointPatch,
        secret: str | None = None,
        *,
        most: int | None = None,
        channel_most: int | None = None,
    ) -> tuple[EndpointRecord, str]:
        """Create an endpoint.

        Args:
            patch: names `url` and `events` at least.
            secret: a random one if it is not given.
            most: endpoints that the owner may have; None is MAX_ENDPOINTS.
            channel_most: endpoints that its channel may have; None is any number.

        Returns:
            The endpoint and its secret.

        Raises:
            Refusal: `invalid_secret`, `too_many_endpoints`.
        """
        endpoint_id, secret = new_id(), _checked(secret)
        fields, _ = _fields({"enabled": True, **patch})
        fields = seal_headers(fields, endpoint_id, self._box)
        fields["secrets"] = json.dumps([{"sealed": self._box.seal(secret, endpoint_id)}])
        most = self._settings.max_endpoints if most is None else most
        if channel_most is not None and (channel := patch["channel"]):
            await self._channel(owner, channel, 1)  # makes the index by which the script counts
        answer = await self._run(
            "create",
            endpoint_id,
            owner,
            fields=_flat(fields),
            **_limits({"rate_limit": None, **patch}),
            **({"key_pair": self._key_pair(endpoint_id)} if patch.get("ed25519") else {}),
            most=most,
            **({} if channel_most is None else {"channel": patch["channel"], "channel_most": channel_most}),
        )
        if answer == "channel_full":
            raise Refusal(
                "too_many_endpoints",
                f"There are {channel_most} endpoints here, the limit of PORTAL_MAX_ENDPOINTS. Delete one first.",
                limit=channel_most,
            )
        if answer == "full":
            raise Refusal(
                "too_many_endpoints",
                f"You have {most} endpoints, which is the limit. Delete some first.",
                limit=most,
            )
        return self._opened(_endpoint(endpoint_id, answer)), secret

    async def read(self, owner: str, endpoint_id: str, *, channel: str | None = None) -> EndpointRecord:
        """An owner's endpoint.

        Args:
            owner: The owner.
            endpoint_id: The endpoint.
            channel: Of which it must be; None is any.

        Raises:
            Refusal: `not_found`.
        """
        fields = await self._redis.hgetall(ENDPOINT + endpoint_id)
        if not fields or fields[b"owner"] != owner.encode():
            raise _unknown(endpoint_id)
        endpoint = EndpointRecord.from_hash(endpoint_id, fields)
        if channel is not None and endpoint.channel != channel:
            raise _unknown(endpoint_id)
        return self._opened(endpoint)

    async def page_of_channel(
        self, owner: str, channel: str, limit: int, cursor: str | None
    ) -> tuple[list[EndpointRecord], str | None]:
        """As `page`, with the endpoints of one channel alone. It may be short though more follow: go by the cursor."""
        after = None if cursor is None else dict(zip(("created_at", "id"), read_cursor(cursor), strict=True))
        answer = await self._channel(owner, channel, limit, after)
        following = answer.get("after")
        # A process of an earlier version may have deleted or changed one without the index.
        found = [one for one in await self._records(answer["ids"]) if one.channel == channel]
        return found, write_cursor(int(following["created_at"]), following["id"]) if following else None

    async def _channel(self, owner: str, channel: str, limit: int, after: dict[str, Any] | None = None) -> Any:
        """Ids of a channel. Where the owner's index is to be made first, others get their turn in between."""
        payload = {"owner": owner, "channel": channel, "limit": limit, "after": after}
        while (answer := await self._read_channel(payload)) is False:
            pass
        return answer

    async def health(self, endpoint_id: str) -> EndpointHealth:
        """The health of an endpoint."""
        return (await self.healths([endpoint_id]))[endpoint_id]

    async def healths(self, endpoint_ids: Sequence[str]) -> dict[str, EndpointHealth]:
        """The health of each endpoint, from its lane and its deliveries."""
        async with self._redis.pipeline(transaction=False) as pipe:
            for endpoint_id in endpoint_ids:
                lane = str(LaneId("endpoint", endpoint_id))
                pipe.hmget(f"{LANE}{QUEUE}:{lane}", "failures", "failing_since")
                pipe.zscore(PARKED + QUEUE, lane)
                for state in State:
                    pipe.zcard(f"{JOBS}{of_endpoint(endpoint_id)}:{state}")
            answers = await pipe.execute()
        each = 2 + len(State)
        return {one: _health(answers[place * each :][:each]) for place, one in enumerate(endpoint_ids)}

    async def page(self, owner: str, limit: int, cursor: str | None) -> tuple[list[EndpointRecord], str | None]:
        """A page of an owner's endpoints, newest first, and the cursor of the next page.

        Raises:
            Refusal: `invalid_request` for an invalid cursor.
        """
        ids, following = await read_index(self._redis, ENDPOINTS + owner, limit=limit, cursor=cursor)
        return await self._records(ids), following

    async def _records(self, ids: Sequence[str]) -> list[EndpointRecord]:
        async with self._redis.pipeline(transaction=False) as pipe:
            for endpoint_id in ids:
                pipe.hgetall(ENDPOINT + endpoint_id)
            hashes = await pipe.execute()
        found = zip(ids, hashes, strict=True)  # one that was deleted meanwhile has no hash
        records = [EndpointRecord.from_hash(endpoint_id, fields) for endpoint_id, fields in found if fields]
        return [self._opened(record) for record in records]

    async def change(
        self,
        owner: str,
        endpoint_id: str,
        patch: EndpointPatch,
        *,
        channel: str | None = None,
        url_was: str | None = None,
    ) -> EndpointRecord:
        """Change the fields that the patch names. Enabling, or another URL, resets the failures and unparks the lane.

        Args:
            owner: The owner.
            endpoint_id: The endpoint.
            patch: What is changed.
            channel: Of which it must be; None is any.
            url_was: The URL that it must still have, since header values were read that are not for another one; None
                is any.

        Raises:
            Refusal: `not_found`; `invalid_request`: its URL is another one by now.
        """
        fields, without = _fields(patch)
        fields = seal_headers(fields, endpoint_id, self._box)
        if "headers" in patch:
            without.append("headers")  # plain text of an earlier version
        enabled = patch.get("enabled")
        fields.pop("enabled", None)  # set by the script, with all that depends on it
        answer = await self._run(
            "change",
            endpoint_id,
            owner,
            **_of(channel),
            fields=_flat(fields),
            without=without,
            **_limits(patch),
            **({} if enabled is None else {"enabled": enabled}),
            **({"key_pair": self._key_pair(endpoint_id)} if patch.get("ed25519") else {}),
            afresh=bool(enabled) or "url" in patch,
            **({} if url_was is None else {"url_was": url_was}),
        )
        if answer == "moved":
            message = "url: Another request has given the endpoint another URL meanwhile. Send the change once more."
            raise Refusal("invalid_request", message, field="url")
        return self._opened(_endpoint(endpoint_id, answer))

    async def enable(self, owner: str, endpoint_id: str) -> EndpointRecord:
        """Enable an endpoint. Raises: Refusal `not_found`."""
        return await self.change(owner, endpoint_id, {"enabled": True})

    async def disable(self, endpoint_id: str, reason: Reason) -> bool:
        """Disable an endpoint, and publish `endpoint.disabled` to its owner's other endpoints.

        Returns:
            False if it was disabled already, or does not exist.
        """
        answer = await self._script(self._payload("disable", endpoint_id, reason=reason))
        return bool(answer == "done")

    async def rotate(
        self,
        owner: str,
        endpoint_id: str,
        secret: str | None = None,
        overlap_s: int | None = None,
        *,
        channel: str | None = None,
    ) -> tuple[str, int]:
        """Add a secret, and a key pair if the endpoint has one. The old ones sign too until the overlap ends.

        Args:
            secret: a random one if it is not given.
            overlap_s: seconds from now; the setting's value if it is not given.
            channel: of which it must be; None is any.

        Returns:
            The secret, and the end of the overlap in milliseconds since 1970.

        Raises:
            Refusal: `not_found`, `invalid_secret`, `too_many_secrets`.
        """
        secret = _checked(secret)
        overlap_s = self._settings.secret_overlap_s if overlap_s is None else overlap_s
        answer = await self._run(
            "rotate",
            endpoint_id,
            owner,
            **_of(channel),
            sealed=self._box.seal(secret, endpoint_id),
            key_pair=self._key_pair(endpoint_id),
            overlap_ms=overlap_s * SECOND_MS,
            most=MAX_SECRETS,
        )
        if answer == "full":
            raise Refusal(
                "too_many_secrets",
                f"{MAX_SECRETS} secrets of this endpoint are valid. Wait until one expires, or set overlap_s to 0.",
                limit=MAX_SECRETS,
            )
        return secret, int(answer)

    async def delete(self, owner: str, endpoint_id: str, *, channel: str | None = None) -> None:
        """Delete an endpoint. Waiting deliveries fail at their next attempt; ended ones can still be read.

        Args:
            owner: The owner.
            endpoint_id: The endpoint.
            channel: Of which it must be; None is any.

        Raises:
            Refusal: `not_found`.
        """
        # By then, the last attempt of each waiting delivery has ended.
        linger_ms = keep_ms(self._settings)["event"]
        await self._run(
            "delete",
            endpoint_id,
            owner,
            **_of(channel),
            job_index=of_endpoint(endpoint_id),
            states=list(State),
            linger_ms=linger_ms,
        )

    def _key_pair(self, endpoint_id: str) -> dict[str, str]:
        """A new key pair as the script stores it."""
        private, public = new_private_key()
        return {"sealed": self._box.seal(private, endpoint_id), "public": public}

    def _opened(self, endpoint: EndpointRecord) -> EndpointRecord:
        """The endpoint with readable headers. One with unreadable ones is shown too, so that they can be set again."""
        try:
            return replace(endpoint, headers=open_headers(endpoint, self._box))
        except Refusal:
            return replace(endpoint, headers={**endpoint.headers, **dict.fromkeys(endpoint.sealed_headers, UNREADABLE)})

    async def _run(self, verb: str, endpoint_id: str, owner: str, **more: Any) -> Any:
        answer = await self._script(self._payload(verb, endpoint_id, owner=owner, **more))
        if answer == "unknown":
            raise _unknown(endpoint_id)
        return answer

    def _payload(self, verb: str, endpoint_id: str, **more: Any) -> dict[str, Any]:
        lane, keep_missed_ms = str(LaneId("endpoint", endpoint_id)), self._settings.keep_missed_s * SECOND_MS
        return {
            "verb": verb,
            "id": endpoint_id,
            "queue": QUEUE,
            "lane": lane,
            "keep_missed_ms": keep_missed_ms,
            **more,
        }


def _endpoint(endpoint_id: str, flat: Sequence[str]) -> EndpointRecord:
    return EndpointRecord.from_text(endpoint_id, dict(zip(flat[::2], flat[1::2], strict=True)))


def _health(answers: Sequence[Any]) -> EndpointHealth:
    (failures, since), parked_until, *counts = answers
    # A rate limit parks the lane too, until the next start: not a sign of bad health.
    return EndpointHealth(
        failures=int(failures or 0),
        failing_since=int(since) if since else None,
        parked_until=int(parked_until) if failures and parked_until else None,
        deliveries={str(state): count for state, count in zip(State, counts, strict=True) if count},
    )


def _fields(patch: EndpointPatch) -> tuple[dict[str, str], list[str]]:
    """The fields of the hash that a patch sets, and those that it removes."""
    fields: dict[str, str] = {}
    for name, value in patch.items():
        if isinstance(value, bool):
            fields[name] = str(int(value))
        elif isinstance(value, str):
            fields[name] = value
        elif value is not None:
            fields[name] = json.dumps(value)
    return fields, [name for name, value in patch.items() if value is None]


def _flat(fields: Mapping[str, str]) -> list[str]:
    return [text for pair in fields.items() for text in pair]


def _limits(patch: EndpointPatch) -> dict[str, float]:
    """The limits of a patch as the lane stores them; 0 for no limit of its own."""
    names = {"rate_limit": "rate", "max_in_flight": "cap", "ordered": "ordered"}
    return {names[name]: float(value or 0) for name, value in patch.items() if name in names}  # type: ignore[arg-type]


def _of(channel: str | None) -> dict[str, str]:
    """Of which channel an endpoint must be, as the script is asked."""
    return {} if channel is None else {"of_channel": channel}


def _checked(secret: str | None) -> str:
    secret = new_secret() if secret is None else secret
    key_of(secret)
    return secret


def _unknown(endpoint_id: str) -> Refusal:
    return Refusal("not_found", f"Endpoint {endpoint_id!r} was not found.")
