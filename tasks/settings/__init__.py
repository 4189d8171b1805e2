"""Every setting, with its unit and default, read from the environment once per process.

The settings are in one file for each topic. A setting's name in the environment is its field's name in upper case, and
its description is its documentation: `python -m tools.documents` writes docs/settings.md and .env.example from it.
"""

from pydantic import ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from tasks.settings.jobs import JobSettings
from tasks.settings.limits import LimitSettings
from tasks.settings.operations import OperationSettings
from tasks.settings.outbound import SECRET_KEY_CHARS, OutboundSettings
from tasks.settings.owners import OPEN_OWNER, SYSTEM
from tasks.settings.server import ServerSettings
from tasks.settings.service import ServiceSettings
from tasks.settings.units import DAY_S, HOUR_S, MiB
from tasks.validation import faults_of

__all__ = [
    "DAY_S",
    "HOUR_S",
    "OPEN_OWNER",
    "SECRET_KEY_CHARS",
    "SYSTEM",
    "MiB",
    "Settings",
    "load",
]


# Fields come in the order of the bases from the last to the first; the documentation shows them in this order.
class Settings(
    OperationSettings, JobSettings, OutboundSettings, LimitSettings, ServerSettings, ServiceSettings, BaseSettings
):
    """All settings of a process."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True)


def load() -> Settings:
    """Read the settings of this process.

    Raises:
        ValueError: A setting is invalid. The message is one line that names the variable and says what to write, and
            does not repeat the value.
    """
    try:
        return Settings()
    except ValidationError as error:
        first = faults_of(error, whole="settings")[0]
        message = first.message.removeprefix(f"{first.field}: ").removesuffix(".")
        raise ValueError(f"{first.field.partition('.')[0].upper()}: {message}") from None
