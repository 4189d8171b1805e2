"""TIFF decoding by Pillow, and by libvips of the kinds that Pillow lacks."""

from PIL.TiffImagePlugin import BITSPERSAMPLE, PLANAR_CONFIGURATION, TiffImageFile

from tasks.thumbnail.codecs.by_libvips import LibvipsFallback

_IN_PLANES = 2


class TiffPicture(LibvipsFallback, TiffImageFile):
    """A TIFF file of which the first page is decoded."""

    LOADER = "tiffload"

    def _suits(self) -> bool:
        # Pillow takes half of each sample of 16 bits where every colour has a plane of its own.
        return self.tag_v2.get(PLANAR_CONFIGURATION) != _IN_PLANES or max(self.tag_v2.get(BITSPERSAMPLE, (8,))) <= 8
