"""Checks that concern several fields of a model; all faults are reported at once, each with its field."""

from collections.abc import Iterable

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

Broken = tuple[str, str] | tuple[str, str, int]
"""The name of a field at fault, a sentence without a full stop, and the limit of a number that is too large."""


def refuse_broken(model: BaseModel, rules: Iterable[Broken]) -> None:
    """Raise what a model's validator found.

    Args:
        model: The model.
        rules: Those that it breaks. Nothing is raised where there is none.

    Raises:
        ValidationError: With one error for each field.
    """
    errors = [
        InitErrorDetails(
            # The sentence is a value, since pydantic reads braces in the template.
            type=PydanticCustomError("rule", "{sentence}", {"sentence": sentence} | _bound(*limit)),
            loc=(field,),
            input=getattr(model, field),
        )
        for field, sentence, *limit in rules
    ]
    if errors:
        raise ValidationError.from_exception_data(type(model).__name__, errors)


def _bound(most: int | None = None) -> dict[str, int]:
    return {} if most is None else {"le": most}
