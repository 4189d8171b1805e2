"""JPEG 2000, icons, PDF and SVG: drawn, or refused for a reason that a person can act on."""

import gzip
import io
import struct
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from PIL import Image

from tasks.refusal import Refusal
from tests.support.pictures import encoded, quarters
from tests.support.thumbnail.drawing import Renderer, close, corners

COLOURS = [(220, 30, 30), (30, 180, 40), (30, 40, 220), (230, 210, 40)]
SVG = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'


def svg(inside: str, box: str = 'viewBox="0 0 64 48"', before: str = "") -> bytes:
    return f"{before}<svg {SVG} {box}>{inside}</svg>".encode()


def rectangles() -> str:
    places = ((0, 0), (32, 0), (0, 24), (32, 24))
    return "".join(
        f'<rect x="{x}" y="{y}" width="32" height="24" fill="rgb{colour}"/>'
        for (x, y), colour in zip(places, COLOURS, strict=True)
    )


def raw_codestream() -> bytes:
    file = io.BytesIO()
    quarters().save(file, "JPEG2000", no_jp2=True)
    return file.getvalue()


def pdf(password: str | None = None) -> bytes:
    file = io.BytesIO(encoded(quarters(640, 480), "PDF", resolution=72))
    if password is None:
        return file.getvalue()
    locked = io.BytesIO()
    with pikepdf.open(file) as document:
        document.save(locked, encryption=pikepdf.Encryption(owner="a", user=password))
    return locked.getvalue()


INPUTS: dict[str, tuple[bytes, str, tuple[int, int]]] = {
    "jpeg 2000": (encoded(quarters(), "JPEG2000"), "image/jp2", (64, 48)),
    "bare jpeg 2000": (raw_codestream(), "image/jp2", (64, 48)),
    "svg": (svg(rectangles()), "image/svg+xml", (256, 192)),
    "pdf": (pdf(), "application/pdf", (256, 192)),
}


@pytest.mark.parametrize("source", INPUTS)
def test_each_is_probed_and_drawn(renderer: Renderer, source: str) -> None:
    data, media_type, size = INPUTS[source]
    about = renderer.probe(data)
    assert (about["type"], (about["width"], about["height"]), about["frames"]) == (media_type, size, 1)
    drawn = renderer.picture(data, width=32, format="png")
    assert drawn.size == (32, 24)
    for pixel, colour in zip(corners(drawn), COLOURS, strict=True):
        assert close(pixel, colour, 25)


def icon(*entries: Image.Image, bits: tuple[int, ...] = (), png: bool = False) -> bytes:
    """An ICO with its entries in this order."""
    head = struct.pack("<HHH", 0, 1, len(entries))
    bodies = []
    for entry in entries:
        body = encoded(entry, "ICO", sizes=[entry.size], bitmap_format="png" if png else "bmp")
        bodies.append(body[22:])
    place = 6 + 16 * len(entries)
    for entry, body, depth in zip(entries, bodies, bits or (32,) * len(entries), strict=True):
        head += struct.pack("<BBBBHHII", entry.width % 256, entry.height % 256, 0, 0, 1, depth, len(body), place)
        place += len(body)
    return head + b"".join(bodies)


@pytest.mark.parametrize("png", [False, True])
def test_the_largest_picture_of_an_icon_is_drawn(renderer: Renderer, png: bool) -> None:
    small, large = Image.new("RGBA", (16, 16), (255, 0, 0, 255)), Image.new("RGBA", (32, 32), (0, 255, 0, 255))
    large.paste((0, 0, 0, 0), (0, 0, 16, 32))
    data = icon(small, large, small, png=png)
    about = renderer.probe(data)
    assert (about["format"], about["width"], about["height"], about["has_alpha"]) == ("ico", 32, 32, True)
    drawn = renderer.picture(data, width=32, format="png").convert("RGBA")
    assert drawn.getpixel((25, 16)) == (0, 255, 0, 255)
    assert drawn.getpixel((5, 16))[3] == 0  # type: ignore[index]


def test_of_two_pictures_of_an_icon_as_large_the_one_with_more_colours_is_drawn(renderer: Renderer) -> None:
    plain, fine = Image.new("RGBA", (16, 16), (255, 0, 0, 255)), Image.new("RGBA", (16, 16), (0, 0, 255, 255))
    for order, bits in (((plain, fine), (4, 32)), ((fine, plain), (32, 4))):
        assert renderer.picture(icon(*order, bits=bits, png=True), width=16, format="png").getpixel((8, 8)) == (
            0,
            0,
            255,
        )


def test_the_png_in_an_icon_says_how_large_it_is(prober: Renderer) -> None:
    data = bytearray(icon(Image.new("RGBA", (16, 16)), png=True))
    at = data.index(b"IHDR") + 4
    data[at : at + 8] = struct.pack(">II", 60_000, 60_000)
    with pytest.raises(Refusal) as caught:
        prober.probe(bytes(data))
    assert caught.value.code == "too_many_pixels"


def test_a_pdf_shows_its_first_page_on_white(renderer: Renderer) -> None:
    file = io.BytesIO()
    document = pikepdf.new()
    for side in (100, 300):
        document.add_blank_page(page_size=(side, 200))
    document.save(file)
    assert renderer.probe(file.getvalue())["width"] == 128
    assert renderer.picture(file.getvalue(), width=8, format="png").getextrema() == ((255, 255),) * 3


def test_a_pdf_with_a_password_says_so(renderer: Renderer) -> None:
    with pytest.raises(Refusal, match="opens with a password only") as caught:
        renderer.probe(pdf("b"))
    assert caught.value.code == "unsupported_format"
    assert renderer.picture(pdf(""), width=8).size == (8, 6)  # it opens without


@pytest.mark.parametrize(
    ("box", "size"),
    [
        ('width="200" height="100"', (256, 128)),
        ('width="20mm" height="10mm" viewBox="0 0 5 5"', (256, 128)),
        ('width="1in" height="48"', (256, 128)),
        ('viewBox="-10,-10 50 100"', (128, 256)),
        ('width="100%" height="100%" viewBox="0 0 10 20"', (128, 256)),
        ('width="40" viewBox="0 0 10 20"', (128, 256)),
        ("", (256, 256)),
        ('width="0" height="-3" viewBox="0 0 0 1"', (256, 256)),
        ('width="1e9" height="1e-9"', (256, 1)),
    ],
)
def test_the_longer_side_of_an_svg_is_always_the_same(prober: Renderer, box: str, size: tuple[int, int]) -> None:
    about = prober.probe(svg(rectangles(), box))
    assert (about["width"], about["height"]) == size


def test_what_an_svg_leaves_is_transparent_and_its_text_is_drawn(renderer: Renderer) -> None:
    drawn = renderer.picture(svg('<text x="2" y="40" font-size="40" font-family="Any">ab</text>'), width=64)
    assert drawn.format == "WEBP"
    alpha = drawn.getchannel("A")
    assert alpha.getpixel((60, 4)) == 0
    assert alpha.crop((2, 8, 46, 42)).getextrema()[1] == 255


def test_a_compressed_svg_is_drawn(renderer: Renderer) -> None:
    packed = gzip.compress(svg(rectangles()))
    assert renderer.probe(packed)["type"] == "image/svg+xml"
    same = renderer.picture(svg(rectangles()), width=64, format="png").tobytes()
    assert renderer.picture(packed, width=64, format="png").tobytes() == same


def packed_bombs() -> dict[str, tuple[bytes, str, str]]:
    packed = gzip.compress(svg(rectangles() * 9))
    return {
        "64 megabytes": (gzipped(svg("<desc>")[:-6], b"a" * (1 << 20), 64), "too_large", "the limit"),
        "a byte too much": (gzip.compress(svg("").ljust((2 << 20) + 1)), "too_large", "the limit"),
        "packed twice": (gzip.compress(packed), "unsupported_format", "a gzip file of something else"),
        "cut": (packed[:-9], "truncated", "ends before"),
        "cut at once": (packed[:12], "unsupported_format", "a gzip file"),
        "wrong sum": (packed[:-8] + bytes(8), "corrupt", "damaged"),
        "text": (gzip.compress(b"no drawing"), "unsupported_format", "Unpack it"),
        "no gzip": (b"\x1f\x8b" + bytes(99), "unsupported_format", "a gzip file"),
    }


def gzipped(first: bytes, block: bytes, times: int) -> bytes:
    packing = zlib.compressobj(wbits=31)
    return b"".join([packing.compress(first), *(packing.compress(block) for _ in range(times)), packing.flush()])


@pytest.mark.parametrize("bomb", list(packed_bombs()))
def test_a_compressed_svg_is_unpacked_up_to_the_same_limit(prober: Renderer, bomb: str) -> None:
    data, code, said = packed_bombs()[bomb]
    with pytest.raises(Refusal, match=said) as caught:
        prober.probe(data)
    assert caught.value.code == code


def test_no_more_than_the_limit_is_unpacked(prober: Renderer) -> None:
    data = gzipped(svg("<desc>")[:-6], b"a" * (1 << 20), 64)
    tracemalloc.start()
    try:
        with pytest.raises(Refusal, match="the limit"):
            prober.probe(data)
        assert tracemalloc.get_traced_memory()[1] < 16 << 20
    finally:
        tracemalloc.stop()


def test_an_svg_reads_no_other_file(renderer: Renderer, tmp_path: Path) -> None:
    (tmp_path / "secret.png").write_bytes(encoded(Image.new("RGB", (8, 8), (255, 0, 0)), "PNG"))
    names = (str(tmp_path / "secret.png"), f"file://{tmp_path}/secret.png", "secret.png", "upload.bin")
    inside = "".join(
        f'<{tag} {link}="{name}" width="64" height="48"/>'
        for name in names
        for tag in ("image", "svg:image")
        for link in ("href", "xlink:href")
    )
    before = f'<!DOCTYPE svg [<!ENTITY name "{names[0]}">]>'
    inside += '<image href="&name;" width="64" height="48"/><filter id="f"><feImage href="&name;"/></filter>'
    data = svg(inside, 'viewBox="0 0 64 48" xmlns:svg="http://www.w3.org/2000/svg"', before)
    assert renderer.picture(data, width=16, format="png").convert("RGBA").getchannel("A").getextrema() == (0, 0)


def test_a_picture_inside_of_an_svg_is_drawn(renderer: Renderer) -> None:
    import base64  # noqa: PLC0415

    inner = base64.b64encode(encoded(quarters(), "PNG")).decode()
    drawn = renderer.picture(svg(f'<image href="data:image/png;base64,{inner}" width="64" height="48"/>'), width=32)
    assert close(corners(drawn)[1], COLOURS[1], 25)


def _painted(number: int) -> str:
    return f'<rect class="c{number}" width="1" height="1" fill="url(#p{number})"/>'


def _bombs() -> dict[str, Any]:
    doubled = "".join(f'<g id="g{n}"><use href="#g{n - 1}"/><use xlink:href="#g{n - 1}"/></g>' for n in range(1, 30))
    chain = "".join(f'<g id="c{n}"><use href="#c{n - 1}"/></g>' for n in range(1, 2000))
    patterns = "".join(f'<pattern id="p{n}" width="9" height="9">{_painted(n - 1) * 10}</pattern>' for n in range(8))
    sheet = "".join(f".c{n}{{fill:url( '#p{n}' )}}" for n in range(8))
    vertices = " ".join(f"{n % 60},{n % 47}" for n in range(20_000))
    marker = f'<marker id="m"><path d="M0 0h1v1z"/></marker><polyline points="{vertices}" marker-mid="url(#m)"/>'
    masks = "".join(
        f'<mask id="k{n}">{f"""<rect width="9" style="clip-path:none;mask:url(#k{n - 1})"/>""" * 10}</mask>'
        for n in range(8)
    )
    grown = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
    return {
        "deep": (svg("<g>" * 5000 + "</g>" * 5000), "unsupported_format", "more than 100 elements inside one another"),
        "doubled": (
            svg(f'<g id="g0"><path/></g>{doubled}<use href="#g29"/>'),
            "unsupported_format",
            "more than 200,000",
        ),
        "chain": (svg(f'<g id="c0"/>{chain}'), "unsupported_format", "more than 100 elements inside"),
        "patterns": (svg(patterns + _painted(7)), "unsupported_format", "patterns"),
        "inherited": (
            svg(f'{patterns}<g fill="url(#p2)">{"<path/>" * 2000}</g>'),
            "unsupported_format",
            "more than 200,000",
        ),
        "classes": (
            svg(f"<style>@media all{{{sheet}}}</style>{patterns.replace('fill=', 'none=')}<path class='c7'/>"),
            "unsupported_format",
            "more than 200,000",
        ),
        "masks": (svg(f'{masks}<rect mask="url(#k7)"/>'), "unsupported_format", "masks"),
        "markers": (svg(marker), "unsupported_format", "markers"),
        "entities": (svg("<text>&a9;</text>", "", f'<!DOCTYPE svg [<!ENTITY a0 "{"a" * 99}">{grown}]>'), "corrupt", ""),
        "elsewhere": (
            svg("<text>&a;</text>", "", '<!DOCTYPE svg [<!ENTITY a SYSTEM "file:///etc/hostname">]>'),
            "corrupt",
            "",
        ),
        "large": (svg(f"<desc>{'a' * (2 << 20)}</desc>"), "too_large", "the limit"),
        "cut": (svg(rectangles())[:-9], "corrupt", ""),
    }


BOMBS = _bombs()


@pytest.mark.parametrize("bomb", BOMBS)
def test_an_svg_that_would_take_too_much_is_refused(prober: Renderer, bomb: str) -> None:
    data, code, words = BOMBS[bomb]
    with pytest.raises(Refusal) as caught:
        prober.render(data, {"name": "one", "width": 8})
    assert (bomb, caught.value.code) == (bomb, code)
    assert words in caught.value.message


def test_a_circle_of_uses_is_drawn_without_it(renderer: Renderer) -> None:
    drawn = renderer.picture(svg(f'{rectangles()}<g id="a"><use href="#a"/></g>'), width=32, format="png")
    assert close(corners(drawn)[0], COLOURS[0], 25)


@pytest.mark.parametrize("source", ["jpeg 2000", "pdf"])
def test_what_is_cut_off_is_refused(prober: Renderer, source: str) -> None:
    with pytest.raises(Refusal) as caught:
        prober.render(INPUTS[source][0][:-300], {"name": "one", "width": 8})
    assert caught.value.code in ("truncated", "corrupt")


def test_paint_and_markers_of_a_usual_drawing_are_drawn(renderer: Renderer) -> None:
    stops = '<stop stop-color="#fff"/>' * 50
    edges = '<path d="M1 1L20 20" class="edge" marker-end="url(#arrow)"/>' * 100
    drawing = (
        f'<style>.edge{{stroke:url(#glow)}}</style><linearGradient id="glow">{stops}</linearGradient>'
        f'<marker id="arrow"><path d="M0 0h1v1z"/></marker>'
        f'<clipPath id="all"><rect width="64" height="48"/></clipPath>'
        f'<pattern id="dots" width=".1" height=".1"><circle r="1"/></pattern>'
        f'<g clip-path="url(#all)">{rectangles()}{edges}{"<path/>" * 2000}</g><path d="M0 0h1v1z" fill="url(#dots)"/>'
    )
    drawn = renderer.picture(svg(drawing), width=32, format="png")
    assert close(corners(drawn)[1], COLOURS[1], 25)
