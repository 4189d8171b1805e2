"""The option `truncated`, in every form of a submit."""

import httpx

from tests.support.api.pictures import PNG


async def test_it_is_stored_where_it_is_asked_for(alice: httpx.AsyncClient) -> None:
    upload = (await alice.post("/v1/uploads", content=PNG)).json()["id"]
    answers = [
        await alice.post("/v1/images?truncated=draw", content=PNG),
        await alice.post("/v1/images", files={"file": PNG}, data={"truncated": "draw"}),
        await alice.post("/v1/images?truncated=draw", files={"file": PNG}),
        await alice.post("/v1/images", json={"upload": upload, "truncated": "draw"}),
    ]
    assert [answer.json()["params"].get("truncated") for answer in answers] == ["draw"] * 4
    assert "truncated" not in (await alice.post("/v1/images", content=PNG)).json()["params"]


async def test_another_word_is_refused_with_the_one_that_there_is(alice: httpx.AsyncClient) -> None:
    upload = (await alice.post("/v1/uploads", content=PNG)).json()["id"]
    answers = [
        await alice.post("/v1/images?truncated=yes", content=PNG),
        await alice.post("/v1/images", files={"file": PNG}, data={"truncated": "yes"}),
        await alice.post("/v1/images", json={"upload": upload, "truncated": "yes"}),
    ]
    for answer in answers:
        assert answer.status_code == 422
        assert answer.json()["field"] == "truncated"
        assert "draw" in answer.json()["detail"]
