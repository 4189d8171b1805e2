"""The `result` of an image job, as OpenAPI describes it."""

from datetime import datetime

from pydantic import BaseModel, Field


class ExposureData(BaseModel):
    """How a photo was taken, as far as its EXIF says."""

    time: str | None = Field(None, description="The exposure time in seconds.", examples=["1/250"])
    aperture: float | None = Field(None, description="The f-number.", examples=[2.8])
    iso: int | None = Field(None, description="The sensitivity.", examples=[100])
    focal_length_mm: float | None = Field(None, description="The focal length in millimetres.", examples=[26])


class GpsPosition(BaseModel):
    """Where a photo was taken."""

    latitude: float = Field(description="Degrees, north of the equator positive.", examples=[53.0793])
    longitude: float = Field(description="Degrees, east of Greenwich positive.", examples=[8.8017])
    altitude_m: float | None = Field(None, description="Metres above the sea.", examples=[11.5])


class ExifData(BaseModel):
    """What was asked for with `exif`, as far as the file says it."""

    taken_at: str | None = Field(
        None,
        description="When the photo was taken, by the camera's clock; with the offset from UTC where the file has it.",
        examples=["2026-11-20T09:30:00+01:00"],
    )
    camera: str | None = Field(None, description="Maker and model of the camera.", examples=["Example X100"])
    lens: str | None = Field(None, description="The model of the lens.")
    exposure: ExposureData | None = Field(None, description="Exposure time, aperture, sensitivity and focal length.")
    orientation: int | None = Field(None, description="The EXIF orientation, 1 to 8. The outputs are upright.")
    gps: GpsPosition | None = Field(None, description="Where it was taken. Only if `exif` names `gps`.")


class OriginalPicture(BaseModel):
    """The picture that was uploaded or fetched."""

    format: str = Field(description="The format, detected from the content.", examples=["jpeg"])
    type: str = Field(description="The media type.", examples=["image/jpeg"])
    width: int = Field(description="Pixels, of the upright picture.", examples=[3000])
    height: int = Field(description="Pixels, of the upright picture.", examples=[2000])
    frames: int = Field(description="The number of frames; more than one in an animation.", examples=[1])
    mode: str = Field(description="The pixels as the decoder names them.", examples=["RGB"])
    has_alpha: bool = Field(description="Whether it has transparency.")
    orientation: int = Field(description="The EXIF orientation, 1 to 8.", examples=[1])
    bytes: int | None = Field(None, description="The size of the file in bytes.", examples=[2483112])
    sha256: str | None = Field(None, description="The SHA-256 of the file in hex.")
    thumbhash: str | None = Field(
        None,
        description="A placeholder of about 25 bytes, in Base64: see https://evanw.github.io/thumbhash/.",
        examples=["1BcKDYBmiHd+iIdphweIdlRQE8B1"],
    )
    blurhash: str | None = Field(
        None,
        description="A placeholder of 28 characters: see https://blurha.sh.",
        examples=["LCBfbHM~Ip%1~XR-R+xZxwNHR*s."],
    )
    dominant_colour: str | None = Field(
        None, description="The colour of the most pixels. Absent if nothing is opaque.", examples=["#675760"]
    )
    palette: list[str] | None = Field(
        None,
        description="Up to five main colours, that of the most pixels first.",
        examples=[["#675760", "#977978", "#483d3f", "#191d22", "#3f4269"]],
    )
    phash: str | None = Field(
        None,
        description="A perceptual hash of 64 bits in hex. Pictures that look the same have hashes that differ in few "
        "bits, whatever their size, format and quality.",
        examples=["999695760fe924e4"],
    )
    exif: ExifData | None = Field(None, description="What `exif` asked for. Absent unless it was asked for.")
    gain_map: bool | None = Field(
        None, description="True for a picture with a gain map, whose base picture was drawn. Absent otherwise."
    )
    truncated: bool | None = Field(
        None,
        description="True for a truncated or damaged file that was drawn, as `truncated=draw` asks. Absent otherwise.",
    )
    drawn_share: float | None = Field(
        None,
        description="The part of the pixels that a truncated file has. Absent otherwise, and where it is not known.",
        examples=[0.62],
    )


class PictureMarkup(BaseModel):
    """The markup of those files that show the same in several sizes and formats."""

    variants: list[str] = Field(description="The names of the variants.", examples=[["large", "medium", "small"]])
    width: int = Field(description="Pixels of the largest file, or of that with the density 1.", examples=[1024])
    height: int = Field(description="Pixels of the largest file, or of that with the density 1.", examples=[683])
    srcset: str = Field(description="The value of `srcset`, of the type that most browsers show.")
    picture: str = Field(description="A `<picture>` element. Its `alt` is empty: describe the picture there.")


class CopiedFiles(BaseModel):
    """Where the files of a job were copied."""

    name: str = Field(description="The destination.")
    urls: list[str] = Field(
        description="The objects, in the order of the files.", examples=[["s3://bucket/a/small.jpg"]]
    )


class ImageResult(BaseModel):
    """What an image job returned."""

    picture: OriginalPicture = Field(description="The picture that was uploaded or fetched.")
    reused: bool | None = Field(
        None, description="`true` if the files are those of a former job for the same picture and variants."
    )
    kept_until: datetime | None = Field(None, description="Until when `keep` keeps the original.")
    destination: CopiedFiles | None = Field(None, description="Where the files were copied, if `destination` asked so.")
    markup: list[PictureMarkup] | None = Field(
        None,
        description="Markup for a page, the largest pictures first; absent in lists. The URLs need an API key, as "
        "those of `files` do: copy the files to where your pages are served from, and put that place into the URLs.",
    )
