"""Checks that concern several fields of a model; all faults are reported at once, each with its field."""

from collections.abc import Iterable

from pydantic import BaseModel, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError


def refuse_broken(model: BaseModel, rules: Iterable[tuple[str, str]]) -> None:
    """Raise what a model's validator found.

    Args:
        model: The model.
        rules: For each field at fault its name and a sentence without a full stop. Nothing is raised where there is
            none.

    Raises:
        ValidationError: With one error for each field.
    """
    errors = [
        InitErrorDetails(
            # The sentence is a value, since pydantic reads braces in the template.
            type=PydanticCustomError("rule", "{sentence}", {"sentence": sentence}),
            loc=(field,),
            input=getattr(model, field),
        )
        for field, sentence in rules
    ]
    if errors:
        raise ValidationError.from_exception_data(type(model).__name__, errors)
