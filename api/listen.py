"""`python -m api.listen http://localhost:3000/hook`: brings one's events to a program on this machine.

It asks Pressroom for events (`GET /v1/events`), posts each to the URL as an endpoint would get it, once, and prints a
line for each. It begins with the events from then on, waits for Pressroom when that is away, and ends with Ctrl-C.
"""

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import httpx

from tasks.refusal import Refusal
from tasks.webhook.events import patterns_of
from tasks.webhook.signature import headers, key_of, new_secret

WAIT_S: Final = 20
"""Seconds that one request for events waits."""
ANSWER_S: Final = WAIT_S + 15
FORWARD_S: Final = 15
"""Seconds that the local program has for its answer, as any endpoint has."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1, 15
"""Between two tries to reach Pressroom."""


class Listener:
    """Brings events from Pressroom to a URL of this machine."""

    def __init__(self, url: str, *, server: str, api_key: str | None, secret: str, patterns: Sequence[str]) -> None:
        """
        Args:
            url: Where events are posted to.
            server: Base URL of Pressroom.
            api_key: None in the open development mode.
            secret: Signs what is posted: `whsec_` and base64.
            patterns: The types that are forwarded, as an endpoint has them.
        """
        self._url = url
        self._server = server.rstrip("/")
        self._authorization = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._key = key_of(secret)
        self._patterns = frozenset(patterns)
        self._cursor: str | None = None

    async def run(self) -> None:
        """Forward events until it is cancelled.

        Raises:
            SystemExit: Pressroom refuses the request; its message says why.
        """
        pause_s = 0
        async with httpx.AsyncClient(trust_env=False) as client:
            while True:
                try:
                    heard = await self._ask(client)
                except httpx.HTTPError as error:
                    if pause_s == 0:
                        tell(f"{self._server} cannot be reached ({type(error).__name__}). Trying again ...")
                    pause_s = min(pause_s * 2 or FIRST_PAUSE_S, LONGEST_PAUSE_S)
                    await asyncio.sleep(pause_s)
                    continue
                if pause_s:
                    tell(f"{self._server} answers again.")
                    pause_s = 0
                for event in heard["events"]:
                    await self._forward(client, event)
                self._cursor = heard["next"]

    async def _ask(self, client: httpx.AsyncClient) -> dict[str, Any]:
        query: dict[str, Any] = {} if self._cursor is None else {"cursor": self._cursor, "wait": WAIT_S}
        answer = await client.get(
            f"{self._server}/v1/events", params=query, headers=self._authorization, timeout=ANSWER_S
        )
        if answer.is_server_error:
            raise httpx.HTTPStatusError("", request=answer.request, response=answer)
        if answer.is_error:
            raise SystemExit(f"{self._server} answers {answer.status_code}: {_detail(answer)}")
        if self._cursor is None:
            tell(f"Listening for events of {self._server}; they are posted to {self._url}.")
        found: dict[str, Any] = answer.json()
        return found

    async def _forward(self, client: httpx.AsyncClient, event: dict[str, Any]) -> None:
        body = event["body"]
        kind = json.loads(body)["type"]
        if self._patterns.isdisjoint(patterns_of(kind)):
            return
        signed = headers(event["id"], int(time.time()), body.encode(), [self._key])
        began = time.monotonic()
        try:
            answer = await client.post(
                self._url,
                content=body.encode(),
                headers={"content-type": "application/json", **signed},
                timeout=FORWARD_S,
            )
            outcome = str(answer.status_code)
        except httpx.HTTPError as error:
            outcome = f"no answer ({type(error).__name__})"
        tell(f"{kind} {event['id']} -> {outcome} in {(time.monotonic() - began) * 1000:.0f} ms")


def tell(text: str) -> None:
    print(f"{datetime.now():%H:%M:%S} {text}", flush=True)  # noqa: T201, DTZ005 - for a person at this machine


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"])
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line, and listen until Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m api.listen", description="Bring your events to this machine.")
    parser.add_argument("url", help="where events are posted to, such as http://localhost:3000/hook")
    parser.add_argument(
        "--server",
        default=os.environ.get("PRESSROOM_URL", "http://localhost:8000"),
        help="base URL of Pressroom; PRESSROOM_URL, or %(default)s",
    )
    parser.add_argument(
        "--key", default=os.environ.get("PRESSROOM_KEY"), help="an API key; PRESSROOM_KEY, or none in development"
    )
    parser.add_argument("--events", default="*", help="types to forward: order.paid,job.* (default: all)")
    parser.add_argument("--secret", help="signs what is posted: whsec_ and base64 (default: a new one)")
    given = parser.parse_args(arguments)
    secret = given.secret or new_secret()
    try:
        listener = Listener(
            given.url, server=given.server, api_key=given.key, secret=secret, patterns=given.events.split(",")
        )
    except Refusal as refusal:
        parser.error(refusal.message)
    tell(f"The signing secret is {secret}")
    try:
        asyncio.run(listener.run())
    except KeyboardInterrupt:
        sys.exit(0)


if __name__ == "__main__":
    main()
