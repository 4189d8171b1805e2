from typing import Any

import pytest
from PIL import ExifTags, Image
from PIL.ExifTags import GPS, Base
from PIL.TiffImagePlugin import IFDRational

from tasks.thumbnail.summary.exif_fields import EXIF_FIELDS, exif_fields
from tests.support.pictures import encoded
from tests.support.thumbnail.drawing import Renderer

VARIANT = {"name": "one", "width": 8}
TAKEN: dict[int, Any] = {
    Base.DateTimeOriginal: "2026:11:20 09:30:00",
    Base.OffsetTimeOriginal: "+01:00",
    Base.ExposureTime: IFDRational(1, 250),
    Base.FNumber: IFDRational(28, 10),
    Base.ISOSpeedRatings: 100,
    Base.FocalLength: IFDRational(26, 1),
    Base.LensModel: "Example 26mm f/2.8\0",
}
PLACE: dict[int, Any] = {
    GPS.GPSLatitudeRef: "S",
    GPS.GPSLatitude: (33.0, 51.0, 24.6),
    GPS.GPSLongitudeRef: "E",
    GPS.GPSLongitude: (151.0, 12.0, 55.8),
    GPS.GPSAltitudeRef: b"\x00",
    GPS.GPSAltitude: IFDRational(585, 10),
}


def photo(
    taken: dict[int, Any] | None = None, place: dict[int, Any] | None = None, kind: str = "JPEG", **tags: Any
) -> bytes:
    exif = Image.Exif()
    exif[Base.Make], exif[Base.Model] = tags.get("make", "Example"), tags.get("model", "X100")
    exif[Base.Orientation] = 6
    exif.get_ifd(ExifTags.IFD.Exif).update(TAKEN if taken is None else taken)
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(PLACE if place is None else place)
    return encoded(Image.new("RGB", (16, 8), "#336699"), kind, exif=exif)


def read(prober: Renderer, data: bytes, *fields: str) -> Any:
    return prober.summary(data, VARIANT, exif=fields or exif_fields(True)).get("exif")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_what_a_photo_says_of_its_taking(prober: Renderer, kind: str) -> None:
    assert read(prober, photo(kind=kind)) == {
        "taken_at": "2026-11-20T09:30:00+01:00",
        "camera": "Example X100",
        "lens": "Example 26mm f/2.8",
        "exposure": {"time": "1/250", "aperture": 2.8, "iso": 100, "focal_length_mm": 26.0},
        "orientation": 6,
    }


def test_nothing_is_read_that_was_not_asked_for(prober: Renderer) -> None:
    assert "exif" not in prober.summary(photo(), VARIANT)
    assert read(prober, photo(), "camera") == {"camera": "Example X100"}


def test_the_place_must_be_named(prober: Renderer) -> None:
    assert "gps" not in exif_fields(True)
    assert read(prober, photo(), "gps") == {"gps": {"latitude": -33.856833, "longitude": 151.2155, "altitude_m": 58.5}}


def test_a_picture_without_exif_says_nothing(prober: Renderer) -> None:
    plain = encoded(Image.new("RGB", (16, 8)), "PNG")
    assert read(prober, plain, *EXIF_FIELDS) == {"orientation": 1}


@pytest.mark.parametrize(
    ("taken", "place", "field"),
    [
        ({Base.DateTimeOriginal: "0000:00:00 00:00:00"}, None, "taken_at"),
        ({Base.ExposureTime: IFDRational(1, 0), Base.FNumber: IFDRational(0, 0)}, None, "exposure"),
        ({Base.LensModel: "\0\0"}, None, "lens"),
        ({Base.ISOSpeedRatings: "9" * 30}, None, "exposure"),
        ({Base.ISOSpeedRatings: "-1"}, None, "exposure"),
        ({Base.FNumber: "9" * 30, Base.FocalLength: "inf", Base.ExposureTime: "9" * 30}, None, "exposure"),
        ({Base.ExposureTime: "1e-300"}, None, "exposure"),
        (None, PLACE | {GPS.GPSLatitude: (91.0, 0.0, 0.0)}, "gps"),
        (None, PLACE | {GPS.GPSLatitude: (IFDRational(0, 0),) * 3}, "gps"),
        (None, {GPS.GPSLatitude: (1.0, 2.0, 3.0)}, "gps"),
    ],
)
def test_what_makes_no_sense_is_left_out(
    prober: Renderer, taken: dict[int, Any] | None, place: dict[int, Any] | None, field: str
) -> None:
    assert read(prober, photo(taken, place), field) == {}


def test_an_offset_that_makes_no_sense_leaves_the_camera_s_own_time(prober: Renderer) -> None:
    taken = TAKEN | {Base.OffsetTimeOriginal: "   :  "}
    assert read(prober, photo(taken), "taken_at") == {"taken_at": "2026-11-20T09:30:00"}


def test_texts_are_short_and_printable(prober: Renderer) -> None:
    camera = read(prober, photo(make="", model="X\x07<b>" + "y" * 500), "camera")["camera"]
    assert camera == ("X <b>" + "y" * 500)[:100]


def test_a_maker_that_the_model_names_is_named_once(prober: Renderer) -> None:
    assert read(prober, photo(make="EXAMPLE", model="Example X100"), "camera") == {"camera": "Example X100"}


def test_damaged_exif_is_no_reason_to_refuse(prober: Renderer) -> None:
    data = encoded(Image.new("RGB", (16, 8)), "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\0\x01")
    assert read(prober, data, *EXIF_FIELDS) in ({}, {"orientation": 1})


def test_names_are_each_read_once_and_others_refused() -> None:
    assert exif_fields(["gps", "camera", "gps"]) == ("camera", "gps")
    assert exif_fields(False) == ()
    with pytest.raises(ValueError, match="'place' is no field"):
        exif_fields(["place"])
