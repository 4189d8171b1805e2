"""Forms that are signed for S3: compared with those of Amazon's own library."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session  # type: ignore[import-untyped]
import pytest
from botocore.auth import S3SigV4PostAuth  # type: ignore[import-untyped]
from botocore.awsrequest import AWSRequest  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.credentials import Credentials  # type: ignore[import-untyped]

from tasks.storage.urls.direct_urls import signed_form

KEY_ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
KEY = "a/prefix/incoming/0123456789abcdef"


@pytest.mark.parametrize("token", [None, "a session token/+="])
def test_a_form_is_signed_as_amazons_library_signs_it(token: str | None) -> None:
    client: Any = botocore.session.get_session().create_client(
        "s3",
        region_name="eu-west-1",
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        aws_session_token=token,
        config=Config(signature_version="s3v4", s3={"addressing_style": "virtual"}),
    )
    url = client.generate_presigned_url("get_object", {"Bucket": "files", "Key": KEY}, ExpiresIn=60)
    place = signed_form(url, SECRET, "files", KEY, max_bytes=10, seconds=60, type="image/png")
    ours = json.loads(base64.b64decode(place.fields["policy"]))
    signed_at = datetime.strptime(place.fields["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    assert datetime.fromisoformat(ours["expiration"]) == signed_at + timedelta(seconds=60)
    request = AWSRequest()
    request.context = {"timestamp": place.fields["x-amz-date"]}
    theirs = S3SigV4PostAuth(Credentials(KEY_ID, SECRET, token), "s3", "eu-west-1")
    assert place.fields["x-amz-signature"] == theirs.signature(place.fields["policy"], request)
    assert place.url == "https://files.s3.eu-west-1.amazonaws.com/"
    assert place.fields.get("x-amz-security-token") == token
    named = {name for condition in ours["conditions"] if isinstance(condition, dict) for name in condition}
    assert named == {"bucket", *place.fields} - {"policy", "x-amz-signature"}
    assert ["content-length-range", 1, 10] in ours["conditions"]
