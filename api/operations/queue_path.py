"""Names of queues in paths. That of an ARQ application's queue has a slash in it, written as `%2F` or as it is."""

from collections.abc import Callable
from typing import Any, Final

from fastapi.routing import APIRoute
from starlette.convertors import Convertor, register_url_convertor

from tasks.queue.redis_keys import APPLICATION

AS_QUEUE: Final = "{queue:queue}"
"""The parameter `queue` of a path."""


class QueueConvertor(Convertor[str]):
    """Any one segment, or what follows `arq/`. A queue called `arq` has lanes, too."""

    regex = rf"{APPLICATION}.+(?<!/lanes)|[^/]+"

    def convert(self, value: str) -> str:
        """The name, as the path has it."""
        return value

    def to_string(self, value: str) -> str:
        """The same."""
        return value


register_url_convertor("queue", QueueConvertor())


class QueueRoute(APIRoute):
    """A route with such a parameter. Its path is the documented one, without the convertor's name."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        super().__init__(path, endpoint, **options)
        self.path = self.path_format
