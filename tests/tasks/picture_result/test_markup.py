from collections.abc import Callable, Mapping
from html.parser import HTMLParser
from typing import Any

from tasks.picture_result.markup import markup_of
from tasks.picture_result.view import shown_result

JOB = "https://pressroom.example.com/v1/jobs/0123"
TYPES = {"jpg": "image/jpeg", "webp": "image/webp", "avif": "image/avif", "png": "image/png", "gif": "image/gif"}


def file(name: str, width: int, height: int) -> dict[str, Any]:
    return {"name": name, "type": TYPES[name.rpartition(".")[2]], "about": {"width": width, "height": height}}


def urls_under(job: str) -> Callable[[Mapping[str, Any]], str]:
    return lambda file: f"{job}/files/{file['name']}"


def markup(*files: dict[str, Any], looks: dict[str, int] | None = None, job: str = JOB) -> list[dict[str, Any]]:
    return markup_of(files, urls_under(job), looks or {})


def tags(html: str) -> list[tuple[str, dict[str, str | None]]]:
    """The start tags and their attributes."""
    found: list[tuple[str, dict[str, str | None]]] = []

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, dict(attrs)))

    Tags().feed(html)
    return found


def test_sizes_of_one_picture_are_one_srcset_and_a_crop_is_another() -> None:
    contained, square = markup(
        file("small.jpg", 256, 171),
        file("medium.jpg", 512, 342),
        file("large.jpg", 1024, 683),
        file("square.jpg", 256, 256),
    )
    assert (contained["variants"], square["variants"]) == (["large", "medium", "small"], ["square"])
    assert (contained["width"], contained["height"]) == (1024, 683)
    assert contained["srcset"] == ", ".join(
        f"{JOB}/files/{name}.jpg {width}w" for name, width in (("small", 256), ("medium", 512), ("large", 1024))
    )
    assert tags(contained["picture"]) == [
        ("picture", {}),
        (
            "img",
            {
                "src": f"{JOB}/files/large.jpg",
                "srcset": contained["srcset"],
                "sizes": "(min-width: 1024px) 1024px, 100vw",
                "width": "1024",
                "height": "683",
                "alt": "",
            },
        ),
    ]


def test_modern_formats_are_sources_the_smallest_files_first() -> None:
    names = [f"{size}.{ending}" for size in ("s", "l") for ending in ("jpg", "webp", "avif")]
    [one] = markup(*(file(name, *((200, 100) if name[0] == "s" else (400, 200))) for name in names))
    (_, avif, webp, image) = tags(one["picture"])
    assert [source[1]["type"] for source in (avif, webp)] == ["image/avif", "image/webp"]
    assert avif[1]["srcset"] == f"{JOB}/files/s.avif 200w, {JOB}/files/l.avif 400w"
    assert image[1]["src"] == f"{JOB}/files/l.jpg"
    assert one["srcset"] == image[1]["srcset"] == f"{JOB}/files/s.jpg 200w, {JOB}/files/l.jpg 400w"


def test_a_format_that_lacks_a_size_is_no_source() -> None:
    """A browser that takes the source would never see the size that it lacks."""
    [one] = markup(file("s.webp", 200, 100), file("s.png", 200, 100), file("l.png", 400, 200))
    assert [tag for tag, _ in tags(one["picture"])] == ["picture", "img"]


def test_sizes_in_one_modern_format_alone_need_no_source() -> None:
    [one] = markup(file("s.webp", 200, 100), file("l.webp", 400, 200))
    assert [tag for tag, _ in tags(one["picture"])] == ["picture", "img"]
    assert one["srcset"] == f"{JOB}/files/s.webp 200w, {JOB}/files/l.webp 400w"


def test_densities_of_one_variant_have_x_descriptors() -> None:
    [one] = markup(file("icon.png", 32, 32), file("icon@2x.png", 64, 64), file("icon@3x.png", 96, 96))
    assert one["srcset"] == f"{JOB}/files/icon.png 1x, {JOB}/files/icon@2x.png 2x, {JOB}/files/icon@3x.png 3x"
    image = tags(one["picture"])[1][1]
    assert (one["variants"], one["width"], one["height"]) == (["icon"], 32, 32)
    assert (image["src"], image["width"], "sizes" in image) == (f"{JOB}/files/icon.png", "32", False)


def test_densities_are_kept_apart_from_widths() -> None:
    dense, plain = markup(file("a.jpg", 200, 100), file("a@2x.jpg", 400, 200), file("b.jpg", 300, 150))
    assert dense["srcset"] == f"{JOB}/files/a.jpg 1x, {JOB}/files/a@2x.jpg 2x"
    assert (dense["variants"], dense["width"], dense["height"]) == (["a"], 200, 100)
    assert (plain["variants"], plain["srcset"]) == (["b"], f"{JOB}/files/b.jpg 300w")


def test_densities_of_several_variants_are_sets_of_their_own() -> None:
    larger, smaller = markup(
        file("s.jpg", 100, 50), file("s@2x.jpg", 200, 100), file("m.jpg", 150, 75), file("m@2x.jpg", 300, 150)
    )
    assert (larger["variants"], larger["width"], smaller["variants"], smaller["width"]) == (["m"], 150, ["s"], 100)


def test_an_img_has_no_type_that_a_browser_may_not_read() -> None:
    """It has no type to choose by: only a source has."""
    [one] = markup(file("s.webp", 400, 200), file("l.jpg", 800, 400))
    assert one["srcset"] == f"{JOB}/files/l.jpg 800w"
    assert [tag for tag, _ in tags(one["picture"])] == ["picture", "img"]
    [one] = markup(file("l.webp", 800, 400), file("s.jpg", 400, 200))
    (_, source, image) = tags(one["picture"])
    assert (source[1]["type"], source[1]["srcset"]) == ("image/webp", f"{JOB}/files/l.webp 800w")
    assert (image[1]["srcset"], image[1]["width"]) == (f"{JOB}/files/s.jpg 400w", "400")


def test_where_no_type_is_read_by_all_the_img_has_one_of_them() -> None:
    [one] = markup(file("s.avif", 200, 100), file("s.webp", 200, 100), file("l.webp", 400, 200))
    assert [tag for tag, _ in tags(one["picture"])] == ["picture", "img"]
    assert one["srcset"] == f"{JOB}/files/s.webp 200w, {JOB}/files/l.webp 400w"


def test_no_width_is_named_twice() -> None:
    """A picture that is smaller than two of its boxes comes out in its own size from both."""
    [one] = markup(file("medium.jpg", 300, 200), file("large.jpg", 300, 200))
    assert one["srcset"] == f"{JOB}/files/medium.jpg 300w"


def test_variants_that_do_not_look_the_same_are_apart() -> None:
    files = file("plain.jpg", 200, 100), file("blurred.jpg", 100, 50)
    assert len(markup(*files)) == 1
    assert len(markup(*files, looks={"blurred": 1})) == 2


def test_urls_are_escaped() -> None:
    [one] = markup(file("a.jpg", 1, 1), job='/v1/"><script>')
    assert [tag for tag, _ in tags(one["picture"])] == ["picture", "img"]


def test_results_of_other_kinds_are_shown_as_they_are() -> None:
    assert shown_result("report", {"pages": 3}, [], urls_under(JOB)) == {"pages": 3}
    assert shown_result("thumbnail", None, [], urls_under(JOB)) is None


def test_a_list_shows_no_markup() -> None:
    result = {"picture": {"width": 3}, "looks": {"a": 1}}
    assert shown_result("thumbnail", result, [], urls_under(JOB), with_markup=False) == {"picture": {"width": 3}}
    whole = shown_result("thumbnail", result, [file("a.jpg", 1, 1)], urls_under(JOB))
    assert whole is not None
    assert whole["markup"] == markup(file("a.jpg", 1, 1))
