"""What is stored of a request: the spec, and where the bytes are that it refers to."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from tasks.blob_ref import BlobRef
from tasks.report.spec.document import Spec


class ReportRequest(BaseModel):
    """A report to make. files: by the upload's id, or `job/file`, as `FileRef.key` has it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    spec: Spec
    files: dict[str, BlobRef] = Field(default_factory=dict)

    def canonical(self) -> bytes:
        """As JSON, the same for the same request, however it was written. A password in it is readable."""
        said: dict[str, Any] = self.model_dump(mode="json")
        return json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
