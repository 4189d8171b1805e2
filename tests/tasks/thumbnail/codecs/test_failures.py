"""What fails after decoding fails once, and what is said of it is for people."""

import json
from typing import Any

import pytest

from tasks.refusal import Refusal
from tasks.thumbnail.drawing import Drawing
from tests.support.pictures import encoded, quarters
from tests.support.thumbnail.drawing import Renderer
from tests.support.thumbnail.raw_files import tiff_of_grey


def test_an_error_while_drawing_is_one_refusal_and_a_line_in_the_log(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> Any:
        raise ValueError("list.remove(x): x not in list")

    monkeypatch.setattr(Drawing, "draw", broken)
    with pytest.raises(Refusal) as caught:
        renderer.render(encoded(quarters(), "PNG"))
    assert caught.value.code == "drawing_failed"
    assert "list" not in caught.value.message
    assert "x not in list" in capfd.readouterr().err
    assert not list(renderer.drawn.iterdir())


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), PermissionError("no")])
def test_errors_of_the_machine_are_not_the_pictures(
    renderer: Renderer, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    def broken(*_: Any) -> Any:
        raise error

    monkeypatch.setattr(Drawing, "draw", broken)
    with pytest.raises(type(error)):
        renderer.render(encoded(quarters(), "PNG"))


def test_a_place_that_no_file_has_is_damage(renderer: Renderer) -> None:
    """Pillow asks the system for it, which answers with a number, as for a disk that fails."""
    data = bytearray(tiff_of_grey([[1, 2]], 16, "little"))
    data[2:] = b"\x2b\0\x08\0\0\0" + b"\xff" * 7 + b"\x7f" + bytes(64)
    with pytest.raises(Refusal) as caught:
        renderer.render(bytes(data))
    assert caught.value.code in ("corrupt", "truncated")


def test_a_kind_that_no_decoder_reads_is_refused_as_such(renderer: Renderer) -> None:
    deep = bytearray(encoded(quarters(), "JPEG"))
    deep[deep.index(b"\xff\xc0") + 4] = 12
    odd = bytearray(encoded(quarters(), "BMP"))
    odd[28] = 40
    for data in (deep, odd):
        with pytest.raises(Refusal) as caught:
            renderer.render(bytes(data))
        assert caught.value.code == "unsupported_format"


DAMAGED = {
    name: encoded(quarters(), name)[:-400].replace(b"IDAT", b"IDAX") + bytes(9)
    for name in ("PNG", "JPEG", "WEBP", "TIFF", "GIF")
}


@pytest.mark.parametrize("name", DAMAGED)
def test_messages_have_no_words_of_a_decoder(renderer: Renderer, name: str) -> None:
    with pytest.raises(Refusal) as caught:
        renderer.render(DAMAGED[name])
    assert not set("()[]{}_'") & set(caught.value.message), json.dumps(caught.value.message)
