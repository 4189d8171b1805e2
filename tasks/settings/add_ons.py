"""Settings that add-ons of platforms make: they are read where STORAGE_URL is not set."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from pydantic import BaseModel, Field, SecretStr

CUBE_HOST: Final = re.compile(r"(?P<bucket>[a-z0-9.-]+?)\.s3(?:[.-](?P<region>[a-z0-9-]+))?\.amazonaws\.com")
CUBE_REGIONS: Final = {"eu": "eu-west-1", "jp": "ap-northeast-1"}
"""The region of a bucket, by the letters after `cloud-cube-`; the others are in CUBE_REGION."""
CUBE_REGION: Final = "us-east-1"


@dataclass(frozen=True, slots=True)
class AddOnBucket:
    """A bucket of Amazon's, as an add-on describes it.

    url: `s3://bucket/prefix`.
    """

    url: str
    access_key_id: str
    secret_access_key: SecretStr
    region: str


class AddOnSettings(BaseModel):
    """The buckets of Bucketeer and Cloudcube."""

    # Buckets of add-ons
    bucketeer_bucket_name: str | None = Field(
        None, description="Set by the add-on Bucketeer: the bucket for files, without a STORAGE_URL."
    )
    bucketeer_aws_access_key_id: str = Field("", description="Set by Bucketeer.")
    bucketeer_aws_secret_access_key: SecretStr = Field(SecretStr(""), description="Set by Bucketeer.")
    bucketeer_aws_region: str = Field("us-east-1", description="Set by Bucketeer.")
    cloudcube_url: str | None = Field(
        None, description="Set by the add-on Cloudcube: bucket and prefix for files, without a STORAGE_URL."
    )
    cloudcube_access_key_id: str = Field("", description="Set by Cloudcube.")
    cloudcube_secret_access_key: SecretStr = Field(SecretStr(""), description="Set by Cloudcube.")

    @property
    def add_on_bucket(self) -> AddOnBucket | None:
        """The bucket that an add-on has made, if there is one, and STORAGE_URL is not set.

        Raises:
            ValueError: CLOUDCUBE_URL is not what Cloudcube writes.
        """
        if "storage_url" in self.model_fields_set:
            return None
        if self.bucketeer_bucket_name:
            return AddOnBucket(
                f"s3://{self.bucketeer_bucket_name}",
                self.bucketeer_aws_access_key_id,
                self.bucketeer_aws_secret_access_key,
                self.bucketeer_aws_region,
            )
        if self.cloudcube_url:
            parts = urlsplit(self.cloudcube_url)
            host = CUBE_HOST.fullmatch(parts.netloc)
            if host is None:
                raise ValueError("CLOUDCUBE_URL: write https://bucket.s3.amazonaws.com/prefix, or set STORAGE_URL")
            letters = host["bucket"].removeprefix("cloud-cube-").rstrip("0123456789")
            return AddOnBucket(
                f"s3://{host['bucket']}{parts.path.rstrip('/')}",
                self.cloudcube_access_key_id,
                self.cloudcube_secret_access_key,
                host["region"] or CUBE_REGIONS.get(letters, CUBE_REGION),
            )
        return None
