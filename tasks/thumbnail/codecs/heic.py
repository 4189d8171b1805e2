"""HEIC decoding with one thread, of the picture itself only."""

from pillow_heif import options
from pillow_heif.as_plugin import HeifImageFile

from tasks.thumbnail.colour.nclx import code_points

# One thread for each sandbox call: the sandbox runs several calls at once.
options.DECODE_THREADS = 1
options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False


class HeicPicture(HeifImageFile):
    """A HEIC file, of which the primary picture is decoded. It is upright already: HEIC turns by itself."""

    def _open(self) -> None:
        super()._open()  # type: ignore[no-untyped-call]
        nclx = self.info.get("nclx_profile")
        if nclx and not self.info.get("icc_profile"):
            self.info["cicp"] = code_points(nclx["color_primaries"], nclx["transfer_characteristics"])

    @property
    def n_frames(self) -> int:
        """1: the other pictures of a file are bursts, or views of the same."""
        return 1
