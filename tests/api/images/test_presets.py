"""`/v1/presets`: named sets of variants of an owner, and IMAGE_PRESETS, which has those of the service."""

from pathlib import Path
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis
from pydantic import ValidationError

from api.app import create_app
from api.presets.known import known_presets
from tasks.queue.redis_keys import UPLOAD
from tasks.settings import Settings
from tests.support.api.pictures import PNG
from tests.support.api.serving import client_of, serving

CARD = {"name": "card", "width": 64, "height": 36, "fit": "cover"}
OF_SETTINGS = {"banner": [{"name": "banner", "width": 100}], "default": [{"name": "only", "width": 50}]}


async def put(client: httpx.AsyncClient, name: str = "cards", *variants: dict[str, Any], **more: Any) -> httpx.Response:
    return await client.put(f"/v1/presets/{name}", json={"variants": list(variants) or [CARD]}, **more)


async def names_of(client: httpx.AsyncClient, **query: str) -> list[tuple[str, str]]:
    presets = (await client.get("/v1/presets", params=query)).json()["presets"]
    return [(preset["name"], preset["source"]) for preset in presets]


BUILT_IN = [("avatar", "built_in"), ("default", "built_in")]


async def test_a_preset_is_made_changed_and_deleted(alice: httpx.AsyncClient) -> None:
    made, same, changed = [await put(alice, "cards", CARD | {"width": width}) for width in (64, 64, 65)]
    assert [answer.status_code for answer in (made, same, changed)] == [201, 200, 200]
    assert made.json() == same.json()
    assert changed.json()["version"] == made.json()["version"] + 1
    assert (made.json()["name"], made.json()["source"]) == ("cards", "owner")
    assert (await alice.get("/v1/presets/cards")).json() == changed.json()
    assert changed.json()["variants"][0].items() >= (CARD | {"width": 65}).items()
    assert await names_of(alice) == [("cards", "owner"), *BUILT_IN]
    assert (await alice.delete("/v1/presets/cards")).status_code == 204
    for answer in (await alice.get("/v1/presets/cards"), await alice.delete("/v1/presets/cards")):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await put(alice)).json()["version"] == changed.json()["version"] + 1, "no version is used twice"


@pytest.mark.parametrize("way", ["query", "form", "json"])
async def test_pictures_are_submitted_with_it_and_their_jobs_note_the_version(
    alice: httpx.AsyncClient, way: str
) -> None:
    async def submitted() -> dict[str, Any]:
        options: dict[str, dict[str, Any]] = {
            "query": {"content": PNG, "params": {"variants": "cards"}},
            "form": {"files": {"file": PNG}, "data": {"variants": "cards"}},
            "json": {"json": {"url": "http://127.0.0.1:9999/a.png", "variants": "cards"}},
        }
        answer = await alice.post("/v1/images", **options[way])
        assert answer.status_code == 202, answer.text
        params: dict[str, Any] = answer.json()["params"]
        return params

    first = (await put(alice)).json()
    before = await submitted()
    second = (await put(alice, "cards", CARD | {"width": 65})).json()
    after = await submitted()
    assert [params["preset"] for params in (before, after)] == [
        {"name": "cards", "version": preset["version"]} for preset in (first, second)
    ]
    assert [params["variants"][0]["width"] for params in (before, after)] == [64, 65]


async def test_a_repeat_is_the_same_job_though_the_preset_has_changed(alice: httpx.AsyncClient) -> None:
    key, query = {"Idempotency-Key": "once"}, {"variants": "cards"}
    await put(alice)
    first = await alice.post("/v1/images", content=PNG, params=query, headers=key)
    await put(alice, "cards", CARD | {"width": 65})
    again = await alice.post("/v1/images", content=PNG, params=query, headers=key)
    assert (again.status_code, again.json()["id"]) == (200, first.json()["id"])
    other = await alice.post("/v1/images", content=PNG, params={"variants": "avatar"}, headers=key)
    assert other.json()["code"] == "key_reused"


async def test_a_repeat_is_the_same_job_though_the_preset_has_another_watermark(alice: httpx.AsyncClient) -> None:
    ids = []
    for content in (PNG, PNG + b"!"):
        upload = (await alice.post("/v1/uploads", content=content)).json()["id"]
        await put(alice, "cards", CARD | {"watermark": {"upload": upload}})
        headers = {"Idempotency-Key": "once"}
        ids.append((await alice.post("/v1/images", content=PNG, params={"variants": "cards"}, headers=headers)).json())
    assert ids[0]["id"] == ids[1].get("id")


async def test_presets_are_their_owners(settings: Settings, alice: httpx.AsyncClient, bob: httpx.AsyncClient) -> None:
    await put(alice)
    assert await names_of(bob) == BUILT_IN
    answer = await bob.post("/v1/images", content=PNG, params={"variants": "cards"})
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (422, "invalid_params", "variants")
    assert (await put(bob, params={"owner": "alice"})).status_code == 403
    async with serving(settings.model_copy(update={"admins": ("bob",)})) as port, client_of(port) as plain:
        plain.headers["Authorization"] = bob.headers["Authorization"]
        assert await names_of(plain, owner="alice") == [("cards", "owner"), *BUILT_IN]
        assert (await put(plain, "more", params={"owner": "alice"})).status_code == 201
    assert ("more", "owner") in await names_of(alice)


BAD: dict[str, tuple[str, Any, int, str, str]] = {
    "no variants": ("cards", {}, 422, "invalid_request", "variants"),
    "an empty list": ("cards", {"variants": []}, 422, "invalid_request", "variants"),
    "a name": ("cards", {"variants": "default"}, 422, "invalid_request", "variants"),
    "a wrong variant": ("cards", {"variants": [{"name": "a", "width": 0}]}, 422, "invalid_params", "variants.0.width"),
    "a name twice": ("cards", {"variants": [CARD, CARD]}, 422, "invalid_params", "variants"),
    "an unknown field": ("cards", {"variants": [CARD], "x": 1}, 422, "invalid_request", "x"),
    "a name of the service": ("avatar", {"variants": [CARD]}, 422, "invalid_request", "preset_name"),
    "capitals": ("Cards", {"variants": [CARD]}, 422, "invalid_request", "preset_name"),
    "a long name": ("c" * 41, {"variants": [CARD]}, 422, "invalid_request", "preset_name"),
}


@pytest.mark.parametrize("bad", BAD)
async def test_what_is_wrong_is_named_and_nothing_is_made(alice: httpx.AsyncClient, bad: str) -> None:
    name, body, status, code, field = BAD[bad]
    answer = await alice.put(f"/v1/presets/{name}", json=body)
    assert (answer.status_code, answer.json()["code"], answer.json()["field"]) == (status, code, field)
    assert await names_of(alice) == BUILT_IN


async def test_an_owner_has_only_so_many(settings: Settings, redis: ArqRedis) -> None:
    async with serving(settings.model_copy(update={"max_presets": 2})) as port, client_of(port) as alice:
        assert [(await put(alice, name)).status_code for name in ("a", "b", "c")] == [201, 201, 409]
        refused = await put(alice, "c")
        assert (refused.json()["code"], refused.json()["limit"]) == ("too_many_presets", 2)
        assert (await put(alice, "a", CARD | {"width": 9})).status_code == 200, "one that is there may change"
        await alice.delete("/v1/presets/a")
        assert (await put(alice, "c")).status_code == 201


async def test_presets_of_the_settings_are_everyones(settings: Settings, redis: ArqRedis) -> None:
    changed = settings.model_copy(update={"image_presets": OF_SETTINGS})
    async with serving(changed) as port, client_of(port) as alice:
        assert await names_of(alice) == [("avatar", "built_in"), ("banner", "settings"), ("default", "settings")]
        plain = (await alice.post("/v1/images", content=PNG)).json()["params"]
        assert [variant["name"] for variant in plain["variants"]] == ["only"]
        named = (await alice.post("/v1/images", content=PNG, params={"variants": "banner"})).json()["params"]
        shown = (await alice.get("/v1/presets/banner")).json()
        assert named["preset"] == {"name": "banner", "version": shown["version"]}
        assert (await alice.delete("/v1/presets/banner")).status_code == 404


def test_the_setting_is_json_or_the_path_of_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = '{"banner": [{"name": "banner", "width": 100}]}'
    (tmp_path / "presets.json").write_text(text)
    for value in (text, str(tmp_path / "presets.json")):
        monkeypatch.setenv("IMAGE_PRESETS", value)
        assert known_presets(Settings(_env_file=None))["banner"].variants[0].width == 100
    monkeypatch.setenv("IMAGE_PRESETS", "")
    assert set(known_presets(Settings(_env_file=None))) == {"default", "avatar"}
    for value in ("{", str(tmp_path / "none.json"), "[1]"):
        monkeypatch.setenv("IMAGE_PRESETS", value)
        with pytest.raises(ValidationError, match=r"IMAGE_PRESETS|image_presets"):
            Settings(_env_file=None)


@pytest.mark.parametrize(
    ("presets", "told"),
    [
        ({"Banner": [CARD]}, "no name of a preset"),
        ({"banner": [{"name": "a", "width": 0}]}, "banner: .*width"),
        ({"banner": [CARD, CARD]}, "banner: .*used twice"),
        ({"banner": []}, "banner: "),
        ({"banner": "default"}, "banner: "),
    ],
)
async def test_a_wrong_preset_of_the_settings_ends_the_start(
    settings: Settings, redis: ArqRedis, presets: Any, told: str
) -> None:
    app = create_app(settings.model_copy(update={"image_presets": presets}))
    with pytest.raises(ValueError, match=f"IMAGE_PRESETS: .*{told}"):
        async with app.router.lifespan_context(app):
            pass


async def test_a_preset_names_uploads_that_exist_and_says_when_one_has_gone(
    alice: httpx.AsyncClient, bob: httpx.AsyncClient, redis: ArqRedis
) -> None:
    of_bob, upload = [
        (await client.post("/v1/uploads", content=PNG, headers={"Content-Type": "image/png"})).json()["id"]
        for client in (bob, alice)
    ]
    marked = [CARD | {"watermark": {"upload": one}} for one in ("0" * 32, of_bob, upload)]
    for wrong in marked[:2]:
        refused = await put(alice, "wm", CARD | {"name": "first"}, wrong)
        assert (refused.status_code, refused.json()["field"]) == (404, "variants.1.watermark.upload")
    assert await names_of(alice) == BUILT_IN
    assert (await put(alice, "wm", marked[2])).status_code == 201
    assert (await alice.post("/v1/images", content=PNG, params={"variants": "wm"})).status_code == 202
    await redis.delete(UPLOAD + upload)
    ways: tuple[dict[str, Any], ...] = (
        {"params": {"variants": "wm"}, "content": PNG},
        {"files": {"file": PNG}, "data": {"variants": "wm"}},
    )
    for way in ways:
        gone = await alice.post("/v1/images", **way)
        assert (gone.status_code, gone.json()["code"], gone.json()["field"]) == (404, "not_found", "variants")
        assert gone.json()["detail"] == (
            f"Preset 'wm' has a watermark that cannot be used. Upload '{upload}' was not found or has expired. Upload "
            "it again. Then change the preset, so that it names the new upload."
        )
