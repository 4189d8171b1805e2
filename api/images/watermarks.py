"""Finds the uploads that variants use as watermarks."""

from collections.abc import Sequence

from api.http.caller import Caller
from api.http.checks import Checks
from api.images.stored import find_picture
from tasks.blob_ref import BlobRef
from tasks.thumbnail.variants import Variant


async def find_watermarks(caller: Caller, variants: Sequence[Variant]) -> dict[str, BlobRef]:
    """Find the bytes of watermarks.

    Args:
        caller: Whose uploads they must be.
        variants: The variants, some of which may have a watermark.

    Returns:
        The bytes, by the upload's id.

    Raises:
        Refusal: `not_found`, `expired`, `too_large` or `unsupported_format`, with every field at fault.
    """
    found: dict[str, BlobRef] = {}
    checks = Checks()
    for number, variant in enumerate(variants):
        if variant.watermark and variant.watermark.upload not in found:
            with checks.collect():
                field = f"variants.{number}.watermark.upload"
                found[variant.watermark.upload] = (await find_picture(caller, variant.watermark.upload, field)).blob
    checks.done()
    return found
