import pytest

from tasks.picture_result.record import FIELD, PictureSummary, unfolded

SUMMARY = PictureSummary(
    bytes(range(3, 24)), "LEHV6nWB2yk8pyo0adR*.7kCMdnj", ("#675760", "#977978", "#0b0d0f"), 0x0123456789ABCDEF
)


@pytest.mark.parametrize(
    "summary",
    [
        SUMMARY,
        PictureSummary(b"\0" * 5, "~" * 28, (), 0),
        PictureSummary(b"\xff" * 25, "0" * 28, ("#ffffff",) * 5, 2**64 - 1),
    ],
)
def test_what_is_packed_is_unpacked(summary: PictureSummary) -> None:
    packed = summary.packed()
    unpacked = PictureSummary.unpacked(packed)
    assert unpacked.fields() == summary.fields()
    assert len(packed) <= 150


def test_a_stored_picture_is_shown_with_the_fields_of_its_summary() -> None:
    shown = unfolded({"width": 12, FIELD: SUMMARY.packed()})
    assert shown == {
        "width": 12,
        "thumbhash": "AwQFBgcICQoLDA0ODxAREhMUFRYX",
        "blurhash": "LEHV6nWB2yk8pyo0adR*.7kCMdnj",
        "dominant_colour": "#675760",
        "palette": ["#675760", "#977978", "#0b0d0f"],
        "phash": "0123456789abcdef",
    }


def test_a_transparent_picture_has_no_dominant_colour() -> None:
    assert "dominant_colour" not in PictureSummary(b"\0" * 5, "0" * 28, (), 0).fields()


def test_a_picture_of_an_older_version_has_no_summary() -> None:
    assert unfolded({"width": 12}) == {"width": 12}
