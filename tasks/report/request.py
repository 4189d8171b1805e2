"""What is stored of a request: the spec, and where the bytes are that it refers to."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from tasks.blob_ref import BlobRef
from tasks.report.spec.document import Spec
from tasks.report.spec.prepared import canonical, prepared


class ReportRequest(BaseModel):
    """A report to make. files: by the upload's id, or `job/file`, as `FileRef.key` has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    spec: Spec
    files: dict[str, BlobRef] = Field(default_factory=dict)

    def canonical(self) -> bytes:
        """As it is stored."""
        return stored_request(prepared(self.spec).text, self.files)


def stored_request(spec: bytes, files: Mapping[str, BlobRef]) -> bytes:
    """A `ReportRequest` as JSON, the same for the same request. A password in it is readable.

    Args:
        spec: The canonical JSON of the spec.
        files: The blobs that it refers to, as `ReportRequest.files`.
    """
    shown = {key: {"blob": blob.sha256, "bytes": blob.bytes} for key, blob in files.items()}
    return b'{"files":%b,"spec":%b}' % (canonical(shown), spec)
