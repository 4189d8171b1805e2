"""The options `unique`, `debounce` and `throttle` of a job as its JSON shows them: as they were sent."""

from typing import Annotated, Any

from pydantic import WithJsonSchema

from api.http.components import component
from api.unique.options import Debounce, Throttle, Unique

_Sent = dict[str, Any] | None
_NULL = {"type": "null"}

ShownUnique = Annotated[_Sent, WithJsonSchema({"anyOf": [component(Unique), _NULL]})]
ShownDebounce = Annotated[_Sent, WithJsonSchema({"anyOf": [component(Debounce), _NULL]})]
ShownThrottle = Annotated[_Sent, WithJsonSchema({"anyOf": [component(Throttle), _NULL]})]
