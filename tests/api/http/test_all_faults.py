"""Everything that is wrong with a request is told at once: no check hides what another would find."""

from typing import Any

import httpx
import pytest

ENDPOINT = {"url": "https://93.184.216.34/hooks", "events": ["*"]}
TEXT = {"type": "text", "text": "x"}


def event(**more: Any) -> dict[str, Any]:
    return {"kind": "event", "type": "shop.closing", "data": {}, **more}


BODIES: dict[str, tuple[str, dict[str, Any], set[str]]] = {
    "schedule of an event": (
        "/v1/schedules",
        {
            "cron": "99 * * * *",
            "timezone": "Mars/Phobos",
            "foo": 1,
            "job": {"kind": "event", "type": "job.x", "id": "a"},
        },
        {"foo", "cron", "timezone", "job.data", "job.type", "job.id"},
    ),
    "schedule of a report": (
        "/v1/schedules",
        {"name": "", "timezone": "Mars/Phobos", "job": {"kind": "report", "blocks": [{**TEXT, "colour": 1}]}},
        {"name", "cron", "timezone", "job.document", "job.blocks.0.colour"},
    ),
    "schedule without a job": ("/v1/schedules", {"cron": "* *", "job": []}, {"cron", "job"}),
    "schedule of another kind": ("/v1/schedules", {"cron": "* *", "job": {"kind": "mail"}}, {"cron", "job.kind"}),
    "endpoint": (
        "/v1/endpoints",
        {
            "url": "ftp://a/b",
            "events": ["a b"],
            "secret": "short",
            "headers": {"Host": "a", "X-A": "é"},
            "rate_limit": -1,
            "foo": 1,
        },
        {"url", "events.0", "secret", "headers.Host", "headers.X-A", "rate_limit", "foo"},
    ),
    "event": (
        "/v1/events?delay=-1&after=a&stat=1",
        {"type": "job.x", "foo": 1},
        {"delay", "stat", "type", "data", "foo"},
    ),
    "job": (
        "/v1/jobs",
        {"kind": "nothing-such", "delay": 1, "run_at": "2026-11-20T08:00:00Z", "notify": "ftp://a", "name": 7},
        {"kind", "run_at", "notify.url", "name"},
    ),
    "image by reference": (
        "/v1/images?delay=-1",
        {"url": "ftp://a/b", "variants": "none-such", "notify": {"url": "ftp://a", "secret": "short"}, "foo": 1},
        {"delay", "url", "variants", "notify.url", "notify.secret", "foo"},
    ),
    "image with wrong options": (
        "/v1/images",
        {
            "url": "https://example.com/a",
            "variants": [
                {
                    "name": "a",
                    "width": 9000,
                    "fit": "fill",
                    "rotate": 45,
                    "dpr": [1, 4],
                    "formats": ["heic"],
                    "focal": {"x": 2},
                    "crop": {"x": -1, "y": 0, "width": 0},
                    "gravity": "up",
                    "colour": "red",
                },
                {"name": "b", "fit": "exact", "gravity": "north", "format": "png", "progressive": True},
                {"name": "c", "width": 9, "crop": {"x": 0.5, "y": 0, "width": 9, "height": 9}, "background": "red"},
            ],
        },
        {
            *(f"variants.0.{name}" for name in ("width", "fit", "rotate", "dpr.1", "formats.0", "gravity", "colour")),
            *(f"variants.0.{name}" for name in ("focal.x", "focal.y", "crop.x", "crop.width", "crop.height")),
            *(f"variants.1.{name}" for name in ("width", "gravity", "progressive")),
            *("variants.2.crop.x", "variants.2.background"),
        },
    ),
    "image of two places": (
        "/v1/images?variants=none-such",
        {"url": "https://example.com/a", "upload": "0" * 32, "notify": "ftp://a"},
        {"variants", "upload", "notify.url"},
    ),
    "report": (
        "/v1/reports?delay=-1&notify=ftp://a&title=x",
        {"blocks": [{**TEXT, "colour": 1}]},
        {"delay", "notify.url", "title", "document", "blocks.0.colour"},
    ),
    "batch": (
        "/v1/batches",
        {"name": 7, "notify": {"url": "ftp://a", "secret": "short"}, "foo": 1},
        {"name", "notify.url", "notify.secret", "foo"},
    ),
    "cancellation": ("/v1/jobs/cancellation", {"state": "succeeded", "limit": 5}, {"state", "limit"}),
}


def fields_of(answer: httpx.Response) -> set[str]:
    problem = answer.json()
    assert 400 <= answer.status_code < 500, problem
    assert problem["detail"]
    errors = problem.get("errors") or [{"field": problem["field"], "message": problem["detail"]}]
    assert (problem["field"], problem["detail"]) == (errors[0]["field"], errors[0]["message"])
    return {one["field"] for one in errors}


@pytest.mark.parametrize(("path", "body", "fields"), BODIES.values(), ids=BODIES)
async def test_all_faults_of_a_body_are_told(
    alice: httpx.AsyncClient, path: str, body: dict[str, Any], fields: set[str]
) -> None:
    assert fields_of(await alice.post(path, json=body)) == fields


async def test_all_faults_of_a_change_are_told(alice: httpx.AsyncClient) -> None:
    schedule = (await alice.post("/v1/schedules", json={"cron": "@daily", "job": event()})).json()["id"]
    wrong = {"cron": "99 * * * *", "timezone": "Mars/Phobos", "overlap": "maybe"}
    assert fields_of(await alice.patch(f"/v1/schedules/{schedule}", json=wrong)) == wrong.keys()
    endpoint = (await alice.post("/v1/endpoints", json=ENDPOINT)).json()["id"]
    bad = {"url": "ftp://a", "events": [], "headers": {"Host": "a"}}
    assert fields_of(await alice.patch(f"/v1/endpoints/{endpoint}", json=bad)) == {"url", "events", "headers.Host"}
    secret = {"secret": "short", "overlap_s": -1}
    assert fields_of(await alice.post(f"/v1/endpoints/{endpoint}/secret", json=secret)) == secret.keys()


async def test_all_faults_of_a_form_are_told_before_its_file_is_read(alice: httpx.AsyncClient) -> None:
    form = {"variants": (None, "none-such"), "notify": (None, "ftp://a"), "tag": (None, "x")}
    answer = await alice.post("/v1/images?delay=-1", files={**form, "file": ("a.png", b"no picture")})
    assert fields_of(answer) == {"delay", "variants", "notify.url", "tag"}


async def test_all_faults_of_a_table_are_told_before_it_is_read(alice: httpx.AsyncClient) -> None:
    answer = await alice.post(
        "/v1/reports?delay=-1&types=a:none&formats=doc&delimiter=long",
        content=b"a\n1\n",
        headers={"Content-Type": "text/csv; charset=klingon"},
    )
    assert fields_of(answer) == {"delay", "types", "formats", "delimiter", "Content-Type"}


async def test_all_faults_of_an_upload_are_told(alice: httpx.AsyncClient) -> None:
    answer = await alice.post("/v1/uploads?foo=1", files={"file": ("a.csv", b"a")})
    assert fields_of(answer) == {"foo", "Content-Type"}


async def test_a_key_that_is_too_long_is_told_with_the_rest(alice: httpx.AsyncClient) -> None:
    long = {"Idempotency-Key": "k" * 300}
    for path, body in (
        ("/v1/jobs/retry", {"foo": 1, "all": True}),
        ("/v1/events", {"type": "a", "data": {}, "foo": 1}),
    ):
        answer = await alice.post(path, json=body, headers=long)
        assert fields_of(answer) == {"idempotency-key", "foo"}


async def test_a_fault_says_what_came_and_what_may(alice: httpx.AsyncClient) -> None:
    """In the words of the API, not in those of the language that it is written in."""
    image = (await alice.post("/v1/images", json={"url": "https://example.com/a", "variants": 5})).json()
    assert image["detail"] == "variants: 5 is neither the name of a preset nor a list of variants."
    fill = {"url": "https://example.com/a", "variants": [{"name": "a", "width": 9, "fit": "fill"}]}
    image = (await alice.post("/v1/images", json=fill)).json()
    assert image["field"] == "variants.0.fit"
    assert image["detail"] == "variants.0.fit: 'fill' is not 'contain', 'cover', 'pad' or 'exact'."
    wrong = {"variants": '[{"name": "a b"}]'}
    variants = (await alice.post("/v1/images", params=wrong, content=b"")).json()
    assert {one["field"] for one in variants["errors"]} == {"variants.0.name"}, "not that the list has no entries"
    schedule = {"cron": "@daily", "misfire": 5, "job": event()}
    problem = (await alice.post("/v1/schedules", json=schedule)).json()
    assert problem["detail"] == "misfire: 5 is not allowed. Send 'skip', or seconds from 60 to 86400."
    cell = {"type": "table", "columns": [{"field": "a"}], "rows": [{"a": {}}]}
    report = (await alice.post("/v1/reports", json={"document": {"title": ""}, "blocks": [cell]})).json()
    assert [one["message"] for one in report["errors"]] == [
        "document.title: The text is too short (characters: 0, at least 1).",
        "blocks.0.rows.0.a: A JSON object is no text, and no whole number, and no number, and neither true nor false.",
    ]
    large = await alice.post(
        "/v1/events", content=b'{"type": "a", "data": [1e999]}', headers={"Content-Type": "application/json"}
    )
    assert large.json()["detail"].startswith("The field 'data' has a number that is too large. Send ")


async def variants_refused(alice: httpx.AsyncClient, *variants: dict[str, Any]) -> Any:
    return (await alice.post("/v1/images", json={"url": "https://example.com/a", "variants": list(variants)})).json()


async def test_a_pattern_is_told_in_words(alice: httpx.AsyncClient) -> None:
    wrong = {"name": "A b", "width": 9, "background": "red", "watermark": {"upload": "nope"}}
    assert [one["message"] for one in (await variants_refused(alice, wrong))["errors"]] == [
        "variants.0.name: 'A b' does not have the right form. Send 1 to 40 characters of a to z, 0 to 9, _ and -.",
        "variants.0.background: 'red' does not have the right form. Send a colour such as #ffffff or #fff, or auto.",
        "variants.0.watermark.upload: 'nope' does not have the right form. Send an id: 32 characters, 0-9 and a-f.",
    ]


async def test_the_limit_of_each_fault_is_a_number(alice: httpx.AsyncClient) -> None:
    wrong = {"name": "a", "width": 30001, "quality": 101, "blur": 1000, "dpr": [99]}
    problem = await variants_refused(alice, wrong)
    assert {one["field"].removeprefix("variants.0."): one["limit"] for one in problem["errors"]} == {
        "width": 8192,
        "quality": 100,
        "blur": 100,
        "dpr.0": 3,
    }
    assert problem["limit"] == problem["errors"][0]["limit"]
    many = await variants_refused(alice, *({"name": f"v{number}", "width": 9} for number in range(21)))
    assert (many["field"], many["limit"]) == ("variants", 20)


async def test_faults_that_are_not_listed_are_counted(alice: httpx.AsyncClient) -> None:
    problem = await variants_refused(alice, *({"name": f"v{n}", "width": 0, "height": 0} for n in range(12)))
    assert (len(problem["errors"]), problem["more_errors"]) == (20, 4)
    assert "more_errors" not in await variants_refused(alice, {"name": "a", "width": 0, "height": 0})


async def test_a_name_used_twice_is_told_with_the_rest(alice: httpx.AsyncClient) -> None:
    problem = await variants_refused(alice, {"name": "a", "width": 0}, {"name": "a", "width": 1}, {"name": 1})
    assert [one["field"] for one in problem["errors"]] == ["variants.0.width", "variants.2.name", "variants"]


async def test_a_misspelt_field_of_a_variant_is_understood(alice: httpx.AsyncClient) -> None:
    wrong = {"name": "a", "width": 9, "heigth": 9, "foo": 1, "focal": {"x": 0, "y": 0}, "fit": "cover"}
    wrong["watermark"] = {"upload": "0" * 32, "opacty": 1}
    assert {one["field"]: one["message"] for one in (await variants_refused(alice, wrong))["errors"]} == {
        "variants.0.heigth": "variants.0.heigth: The field is unknown. Did you mean 'height'?",
        "variants.0.foo": "variants.0.foo: The field is unknown.",
        "variants.0.watermark.opacty": "variants.0.watermark.opacty: The field is unknown. Did you mean 'opacity'?",
    }


async def test_a_watermark_that_is_not_there_is_told_with_the_rest(alice: httpx.AsyncClient) -> None:
    form: dict[str, Any] = {
        "variants": (None, '[{"name": "a", "width": 9, "watermark": {"upload": "' + "0" * 32 + '"}}]'),
        "keep": (None, "0s"),
        "file": ("a.png", b"no picture"),
    }
    answer = await alice.post("/v1/images", files=form)
    assert fields_of(answer) == {"variants.0.watermark.upload", "keep"}
    assert answer.json()["errors"][1]["message"].startswith(
        "keep: '0s' is not allowed. Send at least 1, and s, m, h or d"
    )


async def test_the_methods_of_a_path_are_its_own(alice: httpx.AsyncClient) -> None:
    """`/v1/jobs/retry` is also a `/v1/jobs/{job_id}`, of which it has no method."""
    answer = await alice.put("/v1/jobs/retry")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/v1/endpoints", {**ENDPOINT, "rate_limit": False}, "rate_limit"),
        ("/v1/jobs/deletion", {"all": "yes"}, "all"),
        ("/v1/jobs/deletion", {"all": True, "expect": True}, "expect"),
        ("/v1/endpoints", {**ENDPOINT, "ordered": 1}, "ordered"),
    ],
)
async def test_true_is_no_number_and_a_text_is_not_true(
    alice: httpx.AsyncClient, path: str, body: dict[str, Any], field: str
) -> None:
    assert fields_of(await alice.post(path, json=body)) == {field}
