"""What Schemathesis cannot know of this API: media types, whose objects there are, and what no schema can say."""

from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import schemathesis
from schemathesis.core.failures import Failure
from schemathesis.core.parameters import ParameterLocation

from api.changes.stream import MAX_STREAM_S
from api.reports.tables import TABLE_TYPES
from tests.contract.owners import BOBS, everyones_objects
from tests.contract.refusals import without_reason

ID_CHARS: Final = 32
ALSO: Final = {
    "upload": "upload_id",
    "after": "job_id",
    "batch": "batch_id",
    "endpoint": "endpoint_id",
    "schedule": "schedule_id",
    "event": "event",
}
"""Fields of queries and bodies that take ids, and the path parameter that takes the same ones."""
HIDDEN: Final = (401, 403, 404, 405, 413, 415, 422)
"""How a request is answered that names another owner's object: as if there were none, or for another reason."""
BULK: Final = ("/v1/jobs/cancellation", "/v1/jobs/retry", "/v1/jobs/deletion")
JSON_TYPES: Final = ("application/json", "multipart/form-data")
PLACES: Final = ("path_parameters", "query", "body")
OTHER_OWNER: Final = "acme"
EXAMPLE_HOST: Final = "https://example.com/"
UNKNOWN_HEADER: Final = "x-schemathesis-unknown-property"
WRONG_ACCEPTED: Final = "ST201"
VALID_REFUSED: Final = "ST202"

_turns: Counter[str] = Counter()


@schemathesis.hook
def before_load_schema(_context: Any, document: dict[str, Any]) -> None:
    """Have each sort of block once: each makes hundreds of requests, and each time it is read by the same code.

    The blocks of a schedule's report, of a section and of columns are those of `POST /v1/reports`; here they are texts.
    """
    schemas = document["components"]["schemas"]
    text = {"$ref": "#/components/schemas/Text"}
    schemas["ReportJob"]["properties"]["blocks"]["items"] = text
    schemas["Section"]["properties"]["blocks"]["items"] = text
    schemas["Columns"]["properties"]["columns"]["items"]["items"] = text


@schemathesis.serializer(*TABLE_TYPES, "image/*", "application/pdf", "*/*", "application/offset+octet-stream")
def as_bytes(_context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")


@schemathesis.hook
def before_call(_context: Any, case: Any, _options: Any) -> None:
    """Name objects that exist: of four valid requests one names alice's, one bob's, and two what was generated.

    Bulk verbs only count then, and nothing of alice's is deleted: the next requests could name nothing. Those of the
    phase `stateful` name what earlier ones have made, and delete it.
    """
    _spare_owners(case)
    _end_stream(case)
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if isinstance(case.body, dict) and str(case.body.get("url", "")).startswith(EXAMPLE_HOST):
        case.body["url"] = everyones_objects()["receiver"]["url"][0]  # whose name is looked up in no DNS
    if isinstance(case.query, dict) and "delay" in case.query:
        case.query.pop("run_at", None)  # they exclude each other, which OpenAPI cannot say
    if case.meta.phase.name.value == "stateful":
        return
    turn = _turns[case.operation.label] = _turns[case.operation.label] + 1
    owner = {1: "alice", 2: "bob"}.get(turn % 4)
    if owner == "bob" or (owner == "alice" and case.method != "DELETE"):
        objects = everyones_objects()[owner]
        for container in _named(case):
            for name in container.keys() & (objects.keys() | ALSO.keys()):
                ids = objects[ALSO.get(name, name)]
                if isinstance(container[name], str):
                    container[name] = ids[turn // 4 % len(ids)]
    if case.path in BULK and isinstance(case.body, dict):
        case.body["dry_run"] = True


def _spare_owners(case: Any) -> None:
    """Change and suspend another owner than those whose requests go on."""
    if case.path.startswith("/v1/owners/") and case.path_parameters.get("owner") in everyones_objects():
        case.path_parameters["owner"] = OTHER_OWNER


def _end_stream(case: Any) -> None:
    """Ask for no more of a stream than its beginning: it would go on."""
    if case.path == "/v1/changes":
        query = case.query = case.query or {}
        if isinstance(query, dict) and query.get("seconds", 0) in range(MAX_STREAM_S + 1):
            query["seconds"] = 0


@schemathesis.check
def other_owners_are_hidden(_context: Any, response: Any, case: Any) -> None:
    """What is bob's is as if it were not there, for alice: by its id, in a list, and in any text."""
    if case.auth_identity != "alice":
        return
    text = response.content.decode(errors="replace")
    if BOBS in text or '"owner":"bob"' in text:
        raise _found(case, f"A response to alice shows what is bob's: {text[:500]}")
    if response.status_code in (200, 202) and _filters(case) and not response.json().get("jobs"):
        return  # a filter that names what is bob's finds nothing
    named = _ids_of_bob() & set(_references(case))
    # A repeat with its Idempotency-Key is answered with the job of the first request, whatever it comes `after`.
    if named and response.status_code not in HIDDEN and not (case.method == "POST" and response.status_code == 200):
        raise _found(case, f"A request with bob's {named} was answered {response.status_code}: {text[:500]}")


@schemathesis.hook
def filter_failure(_context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Leave out what the service is right in: see each reason.

    A valid request may be refused for its content, as `tests.contract.refusals` says. And a body that is a file may
    have any bytes, so that none is wrong for its type; nor is a header wrong that is unknown.
    """
    if failure.code == VALID_REFUSED:
        if (without := without_reason(response.json(), case.media_type)) is None:
            return False
        failure.message += f"\nNo reason of tests/contract/refusals.py is for: {without}"
        return True
    if failure.code != WRONG_ACCEPTED:
        return True
    return not (UNKNOWN_HEADER in (case.headers or {}) or (case.media_type not in JSON_TYPES and _only_body(case)))


def _only_body(case: Any) -> bool:
    """Whether the body alone is wrong."""
    components = case.meta.components.items()
    return [place for place, component in components if component.mode.is_negative] == [ParameterLocation.BODY]


def _ids_of_bob() -> set[str]:
    return {one for ids in everyones_objects()["bob"].values() for one in ids if len(one) == ID_CHARS}


def _references(case: Any) -> Iterator[str]:
    """What a case names by id."""
    yield from map(str, (case.path_parameters or {}).values())
    for container in _named(case):
        yield from (str(value) for name, value in container.items() if name in ALSO)


def _found(case: Any, message: str) -> Failure:
    return Failure(operation=case.operation.label, title="Another owner's object was found", message=message)


def _filters(case: Any) -> bool:
    return case.path in BULK or (case.method, case.path) == ("GET", "/v1/jobs")


def _named(case: Any) -> list[dict[str, Any]]:
    return [one for place in PLACES if isinstance(one := getattr(case, place), dict)]
