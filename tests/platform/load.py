"""Steady load on dynos, through a router that behaves as those of platforms do."""

import asyncio
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import httpx

from tests.platform.dynos import Dyno
from tests.support.pictures import encoded, scene

PAUSE_S: Final = 0.2
"""Between two requests of one client."""
CLIENTS: Final = 4
REQUEST_S: Final = 30.0
"""Seconds within which a router wants an answer."""
CONNECT_ATTEMPTS: Final = 40
CONNECT_PAUSE_S: Final = 0.25
UNUSED_TRIES: Final = frozenset({"succeeded", "handed_back", "postponed"})
"""Outcomes of attempts that use up no try."""
REFUSALS: Final = frozenset({429, 503, 507})


class Unanswered(Exception):  # noqa: N818 - it names the state
    """No dyno took the connection."""


@dataclass
class Router:
    """Sends requests to the web dynos in turn. Where a connection is refused it takes another dyno; a request that was
    sent is never sent again.

    key: The API key of its clients.
    """

    client: httpx.AsyncClient
    key: str
    dynos: list[Dyno] = field(default_factory=list)
    reconnects: int = 0
    _turn: int = 0

    async def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        headers = {
            "Authorization": f"Bearer {self.key}",
            "Host": "pressroom.example.com",
            "X-Forwarded-For": "192.0.2.7",
            "X-Forwarded-Proto": "https",
            **options.pop("headers", {}),
        }
        for _ in range(CONNECT_ATTEMPTS):
            if self.dynos:
                self._turn += 1
                dyno = self.dynos[self._turn % len(self.dynos)]
                url = f"http://127.0.0.1:{dyno.port}{path}"
                try:
                    return await self.client.request(method, url, headers=headers, **options)
                except (httpx.ConnectError, httpx.ConnectTimeout):
                    self.reconnects += 1
            await asyncio.sleep(CONNECT_PAUSE_S)
        raise Unanswered(f"{method} {path}")


@dataclass
class Load:
    """Images, reports and events until it is stopped; then what became of them.

    files: Fetches what a redirect names.
    seed: Of all that is random in it.
    events: The numbers of the events that were accepted.
    """

    router: Router
    files: httpx.AsyncClient
    seed: int
    answers: Counter[str] = field(default_factory=Counter)
    accepted: dict[str, str] = field(default_factory=dict)
    events: set[int] = field(default_factory=set)
    faults: list[str] = field(default_factory=list)
    outcomes: Counter[str] = field(default_factory=Counter)
    downloads: int = 0

    async def run(self, over: asyncio.Event) -> None:
        pictures = [encoded(scene(800 + 40 * n, 600), "JPEG") for n in range(8)]
        async with asyncio.TaskGroup() as clients:
            for number in range(CLIENTS):
                dice = random.Random(self.seed + number)  # noqa: S311 - the same load every time
                clients.create_task(self._client(dice, pictures, over))

    async def _client(self, dice: random.Random, pictures: list[bytes], over: asyncio.Event) -> None:
        while not over.is_set():
            kind = dice.choice(("image", "image", "report", "event"))
            answer = await self._submit(kind, dice, pictures)
            if answer is not None and dice.random() < 0.5:
                await self._follow(answer["id"], download=dice.random() < 0.5)
            await asyncio.sleep(PAUSE_S)

    async def _submit(self, kind: str, dice: random.Random, pictures: list[bytes]) -> dict[str, Any] | None:
        number = dice.randrange(10**9)
        if kind == "image":
            body, media_type, path = dice.choice(pictures), "image/jpeg", f"/v1/images?name=p{number}.jpg"
        elif kind == "report":
            rows = "".join(f"{row},{number + row}\n" for row in range(dice.choice((200, 20_000))))
            body, media_type, path = f"day,amount\n{rows}".encode(), "text/csv", f"/v1/reports?title=Report+{number}"
        else:
            event = {"type": "rig.event", "data": {"number": number}, "id": f"rig-{number}"}
            body, media_type, path = json.dumps(event).encode(), "application/json", "/v1/events"
        answer = await self._ask("POST", path, content=body, headers={"Content-Type": media_type})
        if answer is None or answer.status_code not in {200, 202}:
            return None
        job: dict[str, Any] = answer.json()
        self.accepted[job["id"]] = kind
        if kind == "event":
            self.events.add(number)
        return job

    async def _follow(self, job_id: str, *, download: bool) -> None:
        answer = await self._ask("GET", f"/v1/jobs/{job_id}?wait=5")
        if answer is None or answer.status_code != 200 or not download:
            return
        for file in answer.json().get("files", [])[:1]:
            path = "/v1/" + file["url"].partition("/v1/")[2]
            answer = await self._ask("GET", path)
            if answer is not None and answer.is_redirect:
                fetched = await self.files.get(answer.headers["location"])
                if len(fetched.content) != file["bytes"]:
                    self.faults.append(f"{path}: {fetched.status_code}, {len(fetched.content)} bytes")
                self.downloads += 1

    async def _ask(self, method: str, path: str, **options: Any) -> httpx.Response | None:
        """A request that must be answered. A refusal is an answer if it says why, and when to come again."""
        try:
            answer = await self.router.request(method, path, **options)
        except (httpx.HTTPError, Unanswered) as error:
            self.answers["none"] += 1
            self.faults.append(f"{method} {path}: {type(error).__name__} {error}")
            return None
        self.answers[str(answer.status_code)] += 1
        refused = answer.status_code in REFUSALS and "retry-after" in answer.headers and answer.json().get("code")
        if answer.status_code >= 400 and not refused:
            self.faults.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    async def settle(self, seconds: float) -> None:
        """Wait until all accepted jobs have ended, and note what is wrong with them."""
        async with asyncio.timeout(seconds):
            for job_id, kind in self.accepted.items():
                job = await self._ended(job_id)
                if job["state"] != "succeeded":
                    self.faults.append(f"{kind} {job_id} is {job['state']}: {job.get('error')}")
                outcomes = [attempt["outcome"] for attempt in job["attempts"]]
                self.outcomes.update(outcomes)
                if not set(outcomes) <= UNUSED_TRIES:
                    self.faults.append(f"{kind} {job_id} used up a try: {outcomes}")

    async def _ended(self, job_id: str) -> dict[str, Any]:
        while True:
            answer = await self.router.request("GET", f"/v1/jobs/{job_id}?wait=20")
            job: dict[str, Any] = answer.json() if answer.status_code == 200 else {"state": str(answer.status_code)}
            if answer.status_code == 404:
                return {"state": "lost", "attempts": []}
            if job["state"] in {"succeeded", "failed", "cancelled"}:
                return job
