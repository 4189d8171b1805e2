"""Kinds that `POST /v1/jobs` may submit, as a package of one's own would bring them."""

import hashlib

from pydantic import BaseModel, Field

from tasks.kind import JobContext, Kind, Result


class ColourParams(BaseModel):
    """What a job of these kinds is asked for."""

    name: str = Field(max_length=20)
    hues: int = Field(360, gt=0)


async def find_colour(job: JobContext[ColourParams]) -> Result:
    hue = hashlib.sha256(job.params.name.encode()).digest()[0] * job.params.hues // 256
    return Result(value={"colour": f"hsl({hue} 60% 45%)"})


AVATAR_COLOUR = Kind("avatar-colour", "default", ColourParams, find_colour, submittable=True)
NO_OPTIONS = Kind(
    "plain-colour", "default", ColourParams, find_colour, submittable=True, submit_options=frozenset({"name"})
)
PRIVATE = Kind("private-colour", "default", ColourParams, find_colour)
KINDS = [AVATAR_COLOUR, NO_OPTIONS, PRIVATE]
