"""The options `unique`, `debounce` and `throttle` of a job as its JSON shows them: as they were sent."""

from typing import Annotated, Any

from pydantic import WithJsonSchema

from api.http.components import component
from api.unique.options import DebounceOption, ThrottleOption, UniqueOption

_Sent = dict[str, Any] | None
_NULL = {"type": "null"}

ShownUnique = Annotated[_Sent, WithJsonSchema({"anyOf": [component(UniqueOption), _NULL]})]
ShownDebounce = Annotated[_Sent, WithJsonSchema({"anyOf": [component(DebounceOption), _NULL]})]
ShownThrottle = Annotated[_Sent, WithJsonSchema({"anyOf": [component(ThrottleOption), _NULL]})]
