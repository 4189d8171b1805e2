"""Settings of what web pages may do: which pages, and the tokens that they upload with."""

import re
from typing import Annotated, Final

from pydantic import BaseModel, Field, field_validator
from pydantic_settings import NoDecode

from tasks.settings.units import DAY_S

ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
"""An origin as browsers write it: no path, no capital letter, no port that is the usual one."""
USUAL_PORTS: Final = {"https": ":443", "http": ":80"}


class BrowserSettings(BaseModel):
    """Which web pages may call, and the limits of their tokens."""

    # Web pages
    cors_origins: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="`https://app.example.com,https://…`: the origins whose pages may upload with a token (`POST /v1/upload-tokens`) and follow their job. Exact, as browsers send them; `*` and `null` are refused.",
    )
    cors_max_age_s: int = Field(
        600, ge=0, le=86_400, description="Seconds for which a browser remembers that a page may call."
    )
    upload_token_max_s: int = Field(DAY_S, gt=0, le=DAY_S, description="Seconds for which an upload token may live.")
    upload_token_max_uses: int = Field(1_000, gt=0, description="Uploads that one upload token may be good for.")
    upload_token_tries: int = Field(
        20,
        gt=0,
        description="Requests with an upload token for each of its uses; refused uploads count here, and use up nothing else.",
    )
    owner_max_upload_tokens: int = Field(10_000, gt=0, description="Upload tokens of one owner that live at a time.")
    portal_link_max_s: int = Field(DAY_S, gt=0, le=DAY_S, description="Seconds for which a portal link may live.")
    portal_max_endpoints: int = Field(
        10, gt=0, description="Endpoints that a channel may have for one more to be created in its portal."
    )
    owner_max_portal_links: int = Field(1_000, gt=0, description="Portal links of one owner that live at a time.")

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split_origins(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        origins = tuple(filter(None, (part.strip() for part in value.split(","))))
        if not all(map(is_origin, origins)):
            raise ValueError(
                "write CORS_ORIGINS as https://host,https://host:port, each as browsers send it: no path, no capital letters, not the usual port, neither * nor null"
            )
        return origins


def is_origin(text: str) -> bool:
    """Whether a text is an origin as browsers write it."""
    if ORIGIN.fullmatch(text) is None:
        return False
    return not text.endswith(USUAL_PORTS[text.partition(":")[0]])
