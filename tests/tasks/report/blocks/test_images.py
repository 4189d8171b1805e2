import re
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image, ImageCms

from tasks.refusal import Refusal
from tests.support.pictures import (
    TURNS_OF_ORIENTATION,
    detailed,
    encoded,
    gif_of_frames,
    jpeg_of_scans,
    png_header,
    quarters,
    scene,
    webp_header,
)
from tests.support.report.rendering import KEY, LOREM, RenderedReport, picture_file, render_report, text

BARE = {"header": None, "footer": None}
SOURCE = {"upload": KEY}


def image(**said: Any) -> dict[str, Any]:
    return {"type": "image", "source": SOURCE, **said}


def printed_with(folder: Path, data: bytes, *blocks: dict[str, Any], **said: Any) -> RenderedReport:
    """A report of image blocks whose picture has these bytes."""
    path = folder / "upload"
    path.write_bytes(data)
    return render_report(folder, blocks or [image()], images={KEY: path}, document=said.pop("document", BARE), **said)


def drawn(printed: RenderedReport, page: int = 0) -> list[Any]:
    """The pictures in the file that a page uses."""
    with printed.open() as pdf:
        return [
            {
                "size": (int(one.Width), int(one.Height)),
                "filter": str(one.Filter),
                "space": str(one.ColorSpace),
                "mask": "/SMask" in one,
                "bytes": one.read_raw_bytes(),
            }
            for one in pdf.pages[page].Resources.get("/XObject", {}).values()
        ]


def colours(printed: RenderedReport, width: float, height: float) -> list[tuple[int, ...]]:
    """What is seen in the four quarters of a picture in the page's top left corner."""
    page = printed.picture()
    places = [(54 + width * x, 64 + height * y) for y in (0.25, 0.75) for x in (0.25, 0.75)]
    return [tuple(page.getpixel((round(x), round(y)))) for x, y in places]  # type: ignore[arg-type]


QUARTERS = [(220, 30, 30), (30, 180, 40), (30, 40, 220), (230, 210, 40)]


@pytest.mark.parametrize("name", ["JPEG", "PNG", "WEBP", "AVIF", "GIF", "TIFF", "BMP"])
def test_pictures_of_every_format_are_drawn_in_their_colours(tmp_path: Path, name: str) -> None:
    printed = printed_with(tmp_path, encoded(quarters(64, 48), name), image(width=64))
    for seen, expected in zip(colours(printed, 64, 48), QUARTERS, strict=True):
        assert seen == pytest.approx(expected, abs=12)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_upright_however_the_camera_was_held(tmp_path: Path, orientation: int) -> None:
    stored = quarters(64, 48)
    if (turn := TURNS_OF_ORIENTATION[orientation]) is not None:
        stored = stored.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    printed = printed_with(tmp_path, encoded(stored, "JPEG", exif=exif, quality=95), image(width=64))
    for seen, expected in zip(colours(printed, 64, 48), QUARTERS, strict=True):
        assert seen == pytest.approx(expected, abs=30)


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 30}])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_a_sound_upright_jpeg_is_passed_on_undecoded(tmp_path: Path, options: dict[str, Any], mode: str) -> None:
    data = encoded(scene(240, 160).convert(mode), "JPEG", **options)
    [one] = drawn(printed_with(tmp_path, data))
    assert (one["filter"], one["size"]) == ("/DCTDecode", (240, 160))
    assert data[data.index(b"\xff\xda") :] in one["bytes"]


def test_what_a_camera_notes_does_not_reach_the_report(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "Maker of cameras"
    exif[0x8825] = {1: "N", 2: (52.0, 31.0, 0.0)}
    data = encoded(scene(240, 160), "JPEG", exif=exif, comment=b"a secret note")
    assert b"Maker of cameras" in data
    [one] = drawn(printed_with(tmp_path, data))
    assert one["filter"] == "/DCTDecode"
    assert not any(word in one["bytes"] for word in (b"Exif", b"Maker of cameras", b"a secret note"))


def test_colours_of_another_space_are_brought_to_srgb(tmp_path: Path) -> None:
    data = encoded(Image.new("CMYK", (60, 40), (0, 255, 255, 0)), "JPEG", quality=95)
    printed = printed_with(tmp_path, data, image(width=60))
    assert colours(printed, 60, 40)[0] == pytest.approx((255, 0, 0), abs=20)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    [one] = drawn(printed_with(tmp_path, encoded(quarters(), "JPEG", icc_profile=profile)))
    assert one["space"] == "/DeviceRGB"


@pytest.mark.parametrize("name", ["PNG", "WEBP", "GIF"])
def test_what_is_transparent_stays_so(tmp_path: Path, name: str) -> None:
    picture = Image.new("RGBA", (64, 48), (255, 0, 0, 0))
    picture.paste((255, 0, 0, 255), (0, 0, 32, 48))
    options = {"lossless": True} if name == "WEBP" else {}
    printed = printed_with(tmp_path, encoded(picture, name, **options), image(width=64))
    assert colours(printed, 64, 48) == [(255, 0, 0), (255, 255, 255)] * 2
    assert [one["mask"] for one in drawn(printed)] == [True]


def test_pictures_are_no_finer_than_print_needs(tmp_path: Path) -> None:
    data = encoded(detailed(1_600, 1_200), "JPEG")
    [one] = drawn(printed_with(tmp_path, data, image(width=72)))
    assert one["size"] == (300, 225)
    [one] = drawn(printed_with(tmp_path, data, image(width=450)))
    assert one["size"] == (1_600, 1_200)


def test_a_picture_that_is_drawn_often_stands_in_the_file_once(tmp_path: Path) -> None:
    blocks = [image(width=100), image(width=100), {"type": "page_break"}, image(width=100)]
    printed = printed_with(tmp_path, encoded(scene(120, 80), "PNG"), *blocks)
    with printed.open() as pdf:
        assert sum(one.get("/Subtype") == "/Image" for one in pdf.objects if isinstance(one, pikepdf.Stream)) == 1


def test_a_picture_is_not_wider_than_the_content_nor_higher_than_the_page(tmp_path: Path) -> None:
    for size in ((2_000, 20), (20, 2_000), (1, 3_000), (3_000, 1), (1, 1)):
        data = encoded(Image.new("RGB", size, "#ff0000"), "PNG")
        printed = printed_with(tmp_path, data, image(width=14_400, caption=LOREM * 3), text("after"))
        assert printed.answer["pages"] == 1
        assert "after" in printed.text()
        box = printed.picture(scale=1).convert("L").point(lambda value: 255 if value < 200 else 0).getbbox()
        assert box is None or (box[0] >= 53 and box[2] <= 542 and box[3] <= 783)


@pytest.mark.parametrize(("align", "left"), [("left", 54), ("center", 267.64), ("right", 481.28)])
def test_a_picture_and_its_caption_are_aligned(tmp_path: Path, align: str, left: float) -> None:
    data = encoded(Image.new("RGB", (60, 40), "#ff0000"), "PNG")
    picture = printed_with(tmp_path, data, image(width=60, align=align, caption="Caption")).picture()
    reds = [x for x in range(picture.width) if picture.getpixel((x, 84)) == (255, 0, 0)]
    assert reds[0] == pytest.approx(left, abs=1)


def test_a_contact_sheet_holds_every_picture_and_caption(tmp_path: Path) -> None:
    files = {}
    for number in range(30):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(encoded(Image.new("RGB", (40 + number, 60 - number), (number * 8, 0, 0)), "JPEG"))
        files[f"{number:032x}"] = path
    images = [{"source": {"upload": key}, "caption": f"Nr. {int(key, 16)} " + "of many " * 20} for key in files]
    sheet = {"type": "contact_sheet", "columns": 4, "images": images}
    printed = render_report(tmp_path, [sheet], images=files, document=BARE)
    assert printed.answer["pages"] == 2
    assert sum(len(drawn(printed, page)) for page in range(2)) == 30
    assert re.findall(r"Nr\. (\d+) ", printed.text()) == [str(number) for number in range(30)]
    assert printed.text().count("…") == 30


@pytest.mark.parametrize("columns", range(1, 11))
@pytest.mark.parametrize("side", [72, 595])
def test_a_contact_sheet_fits_on_any_paper(tmp_path: Path, columns: int, side: int) -> None:
    page = {"size": [side, side], "margins": {"top": 18, "bottom": 18, "left": 18, "right": 18}}
    sheet = {"type": "contact_sheet", "columns": columns, "images": [{"source": SOURCE, "caption": "A"}] * 12}
    printed = printed_with(tmp_path, encoded(scene(60, 40), "JPEG"), sheet, document={**BARE, "page": page})
    assert printed.text().count("A") == 12
    assert printed.warnings == []


SMALL = {"max_pixels": 10_000, "max_side_px": 200, "max_frames": 5, "max_jpeg_scans": 10, "max_scan_pixels": 10**6}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (png_header(30_000, 30_000), "too_many_pixels"),
        (webp_header(16_000, 16_000), "too_many_pixels"),
        (encoded(Image.new("L", (300, 3)), "PNG"), "side_too_long"),
        (jpeg_of_scans(40), "too_many_scans"),
        (b"<svg xmlns='http://www.w3.org/2000/svg' width='300' height='3'", "corrupt"),
        (b"<html><img src='file:///etc/hostname'></html>", "unsupported_format"),
        (b"%PDF-1.7\n", "corrupt"),
        (b"%!PS\n(/etc/passwd) (r) file", "unsupported_format"),
        (b"", "truncated"),
        (encoded(scene(64, 64), "PNG")[:-500], "truncated"),
        (encoded(scene(64, 64), "JPEG")[:-500], "truncated"),
        (encoded(scene(64, 64), "PNG").replace(b"IDAT", b"IDAX"), "corrupt"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_bad_picture_is_refused_and_named(tmp_path: Path, data: bytes, code: str) -> None:
    blocks = [text("x"), {"type": "columns", "columns": [[text("x")], [image()]]}]
    with pytest.raises(Refusal) as caught:
        printed_with(tmp_path, data, *blocks, limits=SMALL)
    assert (caught.value.code, caught.value.field) == (code, "blocks.1.columns.1.0.source")


def test_a_drawing_is_printed_without_what_it_links_to_and_an_animation_by_its_first_frame(tmp_path: Path) -> None:
    drawing = (
        b"<svg xmlns='http://www.w3.org/2000/svg' width='64' height='48'><rect width='64' height='48' fill='#dc1e1e'/>"
        b"<image width='64' height='48' href='file:///etc/hostname'/></svg>"
    )
    assert colours(printed_with(tmp_path, drawing, image(width=64)), 64, 48) == [QUARTERS[0]] * 4
    assert len(drawn(printed_with(tmp_path, gif_of_frames(9), image(width=64), limits=SMALL))) == 1


def test_bad_pictures_of_sheets_and_covers_are_named_too(tmp_path: Path) -> None:
    sheet = {"type": "contact_sheet", "images": [{"source": SOURCE}]}
    for blocks, document, field in (
        ([sheet], BARE, "blocks.0.images.0.source"),
        ([text("x")], {"cover": {"logo": SOURCE}}, "document.cover.logo"),
    ):
        with pytest.raises(Refusal) as caught:
            printed_with(tmp_path, b"nothing", *blocks, document=document)
        assert caught.value.field == field


def test_captions_that_are_cut_are_told(tmp_path: Path) -> None:
    images = picture_file(tmp_path, Image.new("RGB", (40, 40)))
    sheet = {
        "type": "contact_sheet",
        "images": [{"source": {"upload": KEY}, "caption": caption} for caption in ("short", LOREM * 2)],
    }
    tall = {"type": "image", "source": {"upload": KEY}, "width": 400, "caption": "word " * 100}
    page = {"size": [400, 400], "margins": {"top": 0, "bottom": 0, "left": 0, "right": 0}}
    printed = render_report(
        tmp_path, [sheet, tall], images=images, document={"header": None, "footer": None, "page": page}
    )
    assert printed.warnings == [("clipped", "blocks.0"), ("clipped", "blocks.1")]
    assert printed.text().count("…") == 2
