"""What the sandbox says of a drawn picture is untrusted: it is stored only if every reader can read it."""

from pathlib import Path
from typing import Any

import pytest

from tasks.picture_result.drawn import drawn_of
from tasks.picture_result.record import PictureSummary
from tasks.picture_result.view import shown_result
from tasks.refusal import SandboxDeath
from tests.support.pictures import encoded, scene
from tests.support.thumbnail.drawing import Renderer

SUMMARY = PictureSummary(b"\0" * 5, "0" * 28, ("#ffffff",), 1).packed()
PICTURE: dict[str, Any] = {
    "format": "png",
    "type": "image/png",
    "width": 4,
    "height": 3,
    "frames": 1,
    "mode": "RGB",
    "has_alpha": False,
    "orientation": 1,
    "summary": SUMMARY,
}
FILE: dict[str, Any] = {"name": "a", "path": "a.png", "type": "image/png", "width": 4, "height": 3, "bytes": 9}


@pytest.mark.parametrize("engine", ["vips", "pillow"])
def test_what_is_drawn_is_taken_as_it_is(tmp_path: Path, engine: str) -> None:
    frames = [scene(16, 8), scene(16, 8).rotate(180)]
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100, loop=2)
    variants = (
        {"name": "a", "width": 8, "format": "jpeg", "max_bytes": 9000},
        {"name": "b", "width": 8, "animated": True, "format": "webp"},
    )
    answer = Renderer(tmp_path, engine).answer(data, *variants)
    drawn = drawn_of(answer)
    assert drawn["picture"] == answer["picture"]
    assert drawn["files"] == [
        {name: value for name, value in file.items() if name not in ("name", "bytes")} for file in answer["files"]
    ]


def test_all_that_exif_says_is_taken() -> None:
    exif = {
        "taken_at": "2026-11-20T09:30:00",
        "camera": "X",
        "lens": "Y",
        "orientation": 6,
        "exposure": {"time": "1/250", "aperture": 2.8, "iso": 100, "focal_length_mm": 26.0},
        "gps": {"latitude": -33.8, "longitude": 151.2, "altitude_m": 58.5},
    }
    more = {"exif": exif, "gain_map": True, "truncated": True, "drawn_share": 0.5}
    assert drawn_of({"picture": PICTURE | more, "files": [FILE]})["picture"] == PICTURE | more


WRONG_FILES: list[dict[str, Any]] = [
    *({"width": 0}, {"height": "9"}, {"type": "text/html"}, {"path": 1}, {"loops": 2**70}),
]
WRONG_PICTURES: list[dict[str, Any]] = [
    *({"summary": wrong} for wrong in ("", "xyz", "00" * 20, None, SUMMARY * 9)),
    *({"width": 2**64}, {"drawn_share": float("nan")}),
    *({"exif": {"exposure": {"iso": 10**30}}}, {"exif": {"camera": "x" * 101}}),
]
WRONG: list[Any] = [
    *(None, [], "", {}, {"picture": PICTURE}, {"picture": PICTURE, "files": []}, {"picture": None, "files": [FILE]}),
    *({"picture": PICTURE, "files": [FILE | wrong]} for wrong in WRONG_FILES),
    *({"picture": PICTURE | wrong, "files": [FILE]} for wrong in WRONG_PICTURES),
]


@pytest.mark.parametrize("answer", WRONG)
def test_anything_else_is_the_death_of_the_child(answer: Any) -> None:
    with pytest.raises(SandboxDeath, match="describes no picture") as caught:
        drawn_of(answer)
    assert caught.value.code == "crashed"


@pytest.mark.parametrize("summary", ["", "xyz", "00" * 20, "00" * 31 + "ff" + "00" * 9, None, 7])
def test_a_record_that_cannot_be_read_is_shown_without_what_is_wrong(summary: Any) -> None:
    result = {"picture": {"width": 4, "summary": summary}}
    described = {"name": "a.png", "type": "image/png", "about": {"width": 4, "height": 3}}
    wrong: list[dict[str, Any]] = [
        *({"name": "b.png", "type": "image/png"}, {"name": "c.png", "type": "image/png", "about": {"width": 4}}),
        described | {"name": "d.png", "about": {"width": 0, "height": 3}},
        described | {"name": "e.xyz", "type": "image/xyz"},
    ]
    shown = shown_result("thumbnail", result, [*wrong, described], lambda file: file["name"]) or {}
    assert shown["picture"] == {"width": 4}
    assert [one["variants"] for one in shown["markup"]] == [["a"]]
