import subprocess
import sys

import pytest
from pydantic import ValidationError

from tasks.refusal import Refusal
from tasks.thumbnail.geometry import MAX_SIDE_PX
from tasks.thumbnail.variants import MAX_VARIANTS, PRESETS, Variant, variants_of
from tasks.validation import faults_of


def test_the_default_preset_has_three_sizes_and_a_square() -> None:
    assert [variant.name for variant in variants_of("default")] == ["small", "medium", "large", "square"]


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_is_a_list_that_one_could_have_sent(preset: str) -> None:
    assert variants_of([variant.model_dump() for variant in PRESETS[preset]]) == PRESETS[preset]


def test_an_unknown_preset_is_refused_with_those_there_are() -> None:
    with pytest.raises(Refusal, match="default, avatar") as refused:
        variants_of("huge")
    assert (refused.value.code, refused.value.field) == ("invalid_params", "variants")


def test_a_name_used_twice_is_refused() -> None:
    with pytest.raises(Refusal, match="'a' is used twice"):
        variants_of([{"name": "a", "width": 1}, {"name": "a", "height": 2}])


def test_there_is_one_variant_at_least_and_twenty_at_most() -> None:
    many = [{"name": f"v{index}", "width": 10} for index in range(MAX_VARIANTS + 1)]
    assert len(variants_of(many[:-1])) == MAX_VARIANTS
    for wrong in (many, []):
        with pytest.raises(ValidationError, match=r"at (most|least)"):
            variants_of(wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"dpr": [1, 2]},
        {"dpr": [2]},
        {"enlarge": True},
        {"fit": "cover"},
        {"fit": "pad"},
        {"fit": "exact"},
        {"gravity": "north"},
        {"width": 0},
        {"width": 8193},
        {"width": 10, "fit": "cover"},
        {"height": 10, "fit": "pad"},
        {"width": 10, "fit": "stretch"},
        {"width": 10, "format": "bmp"},
        {"width": 10, "quality": 0},
        {"width": 10, "quality": 101},
        {"width": 10, "quality": 80, "format": "png"},
        {"width": 10, "background": "white"},
        {"width": 10, "background": "#12345"},
        {"width": 10, "colour": "red"},
        {"width": 10, "height": None, "fit": "exact"},
        {"width": 10, "gravity": "north"},
        {"width": 10, "height": 10, "fit": "pad", "focal": {"x": 0, "y": 0}},
        {"width": 10, "height": 10, "fit": "cover", "gravity": "east", "focal": {"x": 0, "y": 0}},
        {"width": 10, "height": 10, "fit": "cover", "focal": {"x": 0, "y": 1.01}},
        {"width": 10, "crop": {"x": 0, "y": 0, "width": 0, "height": 5}},
        {"width": 10, "crop": {"x": 0, "y": 0, "width": 0.5, "height": 5}},
        {"width": 10, "crop": {"x": 0, "y": 0, "width": 1, "height": 5, "unit": "fraction"}},
        {"width": 10, "rotate": 45},
        {"width": 10, "dpr": []},
        {"width": 10, "dpr": [4]},
        {"width": 10, "dpr": [1, 1]},
        {"width": 5000, "dpr": [1, 2]},
        {"width": 10, "formats": []},
        {"width": 10, "formats": ["bmp"]},
        {"width": 10, "formats": ["jpeg", "jpeg"]},
        {"width": 10, "formats": ["png"], "format": "jpeg"},
        {"width": 10, "formats": ["png"], "quality": 50},
        {"width": 10, "format": "webp", "progressive": True},
        {"width": 10, "format": "png", "subsampling": "4:4:4"},
        {"width": 10, "subsampling": "4:1:1"},
        {"width": 10, "name": "../etc"},
        {"width": 10, "name": "Big"},
        {"width": 10, "name": "a\n"},
        {"width": 10, "name": "n" * 41},
    ],
    ids=str,
)
def test_a_variant_that_makes_no_sense_is_an_error(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Variant.model_validate({"name": "one", **wrong})


def test_a_side_that_its_density_makes_too_long_is_refused_with_the_limit() -> None:
    with pytest.raises(ValidationError) as refused:
        variants_of([{"name": "one", "width": 5000, "dpr": [1, 2]}])
    [fault] = faults_of(refused.value, inside="variants")
    assert (fault.field, fault.limit) == ("variants.0.width", MAX_SIDE_PX)
    assert fault.message == "variants.0.width: 5000 pixels at the density 2 are more than 8192."


@pytest.mark.parametrize(
    ("field", "wrong", "message"),
    [
        ("dpr", [1, 2], "Without width and height the picture keeps its size. Give one of them, or no dpr."),
        ("enlarge", True, "Without width and height the picture keeps its size. Give one of them, or no enlarge."),
    ],
)
def test_what_needs_a_box_is_refused_without_one(field: str, wrong: object, message: str) -> None:
    with pytest.raises(ValidationError) as refused:
        variants_of([{"name": "same", field: wrong}])
    [fault] = faults_of(refused.value, inside="variants")
    assert (fault.field, fault.message) == (f"variants.0.{field}", f"variants.0.{field}: {message}")
    with pytest.raises(ValidationError, match="Fit cover needs both width and height"):
        variants_of([{"name": "same", "fit": "cover"}])


def test_files_of_densities_and_formats_count_too() -> None:
    each = {"width": 10, "dpr": [1, 2], "formats": ["avif", "webp", "jpeg"]}
    assert len(variants_of([{"name": f"v{index}", **each} for index in range(3)])) == 3
    with pytest.raises(Refusal, match="make 24 files; the limit is 20") as refused:
        variants_of([{"name": f"v{index}", **each} for index in range(4)])
    assert (refused.value.field, refused.value.limit) == ("variants", MAX_VARIANTS)


def test_variants_load_no_pillow() -> None:
    code = "import tasks.thumbnail.variants, sys; sys.exit('PIL' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
