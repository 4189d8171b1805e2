"""Which files a variant makes, and how they are encoded."""

from pathlib import Path
from typing import Any

import pytest
from PIL import Image, JpegImagePlugin

from tasks.refusal import Refusal
from tasks.thumbnail.engines.pillow import PillowRaster
from tasks.thumbnail.engines.vips import VipsRaster
from tasks.thumbnail.params import ThumbnailParams
from tasks.thumbnail.variants import FIRST_FIELDS, Variant
from tests.support.pictures import encoded, quarters, scene
from tests.support.thumbnail.drawing import Renderer, close, corners


def size_of(path: Path) -> tuple[int, int]:
    with Image.open(path) as picture:
        return picture.size


def test_each_density_is_a_file_with_a_box_so_many_times_as_large(renderer: Renderer) -> None:
    data = encoded(quarters(60, 40), "PNG")
    files = renderer.render(
        data,
        {"name": "card", "width": 10, "height": 10, "fit": "cover", "dpr": [1, 2, 3], "format": "png"},
        {"name": "hero", "width": 16, "dpr": [2]},
    )
    assert [(Path(file["path"]).name, file["width"], file["height"]) for file in files] == [
        ("card.png", 10, 10),
        ("card@2x.png", 20, 20),
        ("card@3x.png", 30, 30),
        ("hero@2x.jpg", 32, 21),
    ]
    for file in files:
        assert size_of(Path(file["path"])) == (file["width"], file["height"])


def test_each_format_is_a_file_of_the_same_picture(renderer: Renderer) -> None:
    formats = ["avif", "webp", "jpeg", "png"]
    files = renderer.render(
        encoded(quarters(), "PNG"), {"name": "card", "width": 32, "formats": formats, "quality": 90, "dpr": [1, 2]}
    )
    names = [f"card{density}.{end}" for density in ("", "@2x") for end in ("avif", "webp", "jpg", "png")]
    assert [Path(file["path"]).name for file in files] == names
    assert [file["type"] for file in files] == [f"image/{name}" for name in formats] * 2
    for file, name in zip(files, formats * 2, strict=True):
        with Image.open(file["path"]) as picture:
            assert picture.format == name.upper()
            assert all(map(close, corners(picture), corners(quarters())))


def test_a_format_without_transparency_does_not_take_it_from_the_others(renderer: Renderer) -> None:
    source = Image.new("RGBA", (16, 16), (255, 0, 0, 0))
    files = renderer.render(
        encoded(source, "PNG"), {"name": "v", "width": 16, "formats": ["jpeg", "png", "webp"], "background": "#0000ff"}
    )
    modes = []
    for file in files:
        with Image.open(file["path"]) as picture:
            modes.append(picture.mode)
    assert modes == ["RGB", "RGBA", "RGBA"]


@pytest.mark.parametrize(("subsampling", "code"), [("4:4:4", 0), ("4:2:2", 1), ("4:2:0", 2)])
@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_is_encoded_as_asked(renderer: Renderer, subsampling: str, code: int, progressive: bool) -> None:
    data = encoded(scene(48, 32), "PNG")
    variant = {"name": "v", "width": 48, "format": "jpeg", "progressive": progressive, "subsampling": subsampling}
    with Image.open(renderer.render(data, variant)[0]["path"]) as picture:
        assert JpegImagePlugin.get_sampling(picture) == code
        assert bool(picture.info.get("progressive")) is progressive


def test_an_avif_keeps_its_colour_detail_where_asked(renderer: Renderer) -> None:
    source = Image.new("RGB", (32, 32), "blue")
    for x in range(0, 32, 2):
        source.paste("red", (x, 0, x + 1, 32))

    def reds(subsampling: str) -> int:
        variant = {"width": 32, "format": "avif", "quality": 95, "subsampling": subsampling}
        return int(str(renderer.picture(encoded(source, "PNG"), **variant).getchannel("R").getextrema()[1]))

    assert reds("4:4:4") > reds("4:2:0") + 40


def stored(**variant: Any) -> dict[str, Any]:
    """What a job's record has of a variant."""
    params = ThumbnailParams(url="https://example.com/a.png", variants=(Variant.model_validate(variant),))
    kept = ThumbnailParams.model_validate_json(params.model_dump_json(exclude_none=True))
    assert kept == params
    return params.model_dump(mode="json", exclude_none=True)["variants"][0]  # type: ignore[no-any-return]


def test_a_variant_without_new_options_is_stored_as_older_workers_read_it() -> None:
    assert stored(name="v", width=10).keys() <= FIRST_FIELDS
    assert stored(name="v", width=10, dpr=[1], rotate=0, gravity="center", resize="gamma").keys() <= FIRST_FIELDS
    used = stored(name="v", width=10, height=9, fit="cover", dpr=[1, 2], focal={"x": 0.1, "y": 1}, format="jpeg")
    assert used.keys() - FIRST_FIELDS == {"dpr", "focal"}


def test_files_that_are_encoded_side_by_side_are_the_same(renderer: Renderer) -> None:
    data = encoded(scene(300, 200), "JPEG", quality=95)
    variants = [
        {"name": "web", "width": 160, "height": 120, "formats": ["webp", "jpeg", "png"]},
        {"name": "card", "width": 80, "height": 80, "fit": "cover", "format": "avif"},
        {"name": "small", "width": 40, "height": 30, "format": "jpeg", "max_bytes": 900},
    ]
    alone, beside = ([(file | {"sha256": Path(file["path"]).read_bytes()}) for file in renderer.answer(
        data, *variants, cores=cores)["files"]] for cores in (1, 3))  # fmt: skip
    assert [file["name"] for file in alone] == ["web", "web", "web", "card", "small"]
    assert alone == beside


def test_if_one_of_those_encoded_side_by_side_fails_no_file_is_left(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(raster: Any, path: Path, name: str, options: dict[str, Any]) -> None:
        if name == "png":
            raise MemoryError
        raster.pillow().save(path, name, **options)

    monkeypatch.setattr(VipsRaster, "save", fails)
    monkeypatch.setattr(PillowRaster, "save", fails)
    variants = [{"name": name, "width": 30, "format": name} for name in ("webp", "png", "jpeg")]
    with pytest.raises(Refusal) as caught:
        renderer.answer(encoded(scene(60, 40), "JPEG"), *variants, cores=2)
    assert caught.value.code == "out_of_memory"
    assert list(renderer.drawn.iterdir()) == []
