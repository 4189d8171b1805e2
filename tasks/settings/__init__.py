"""Every setting, with its unit and default, read from the environment once per process.

The settings are in one file for each topic. A setting's name in the environment is its field's name in upper case, and
its description is its documentation: `python -m tools.documents` writes docs/settings.md and .env.example from it.
"""

import math
from typing import Any

from pydantic import ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from tasks.settings.access import AccessSettings
from tasks.settings.add_ons import AddOnSettings
from tasks.settings.browsers import BrowserSettings
from tasks.settings.files import FileSettings
from tasks.settings.jobs import JobSettings
from tasks.settings.limits import LimitSettings
from tasks.settings.operations import OperationSettings
from tasks.settings.outbound import SECRET_KEY_CHARS, OutboundSettings
from tasks.settings.owners import OPEN_OWNER, SYSTEM
from tasks.settings.queues import QueueSettings
from tasks.settings.server import LOOPBACK, PRIVATE, Network, ServerSettings
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

EMPTY_STAYS = frozenset(("redis_url", "storage_url", "trusted_proxies"))
"""Settings that may not be left out by being empty: without an address a process on a platform would wait for a Redis of
its own machine, or store files there, so it is refused; and an empty TRUSTED_PROXIES trusts none."""


# Fields come in the order of the bases from the last to the first; the documentation shows them in this order.
class Settings(
    OperationSettings,
    QueueSettings,
    JobSettings,
    FileSettings,
    OutboundSettings,
    LimitSettings,
    AccessSettings,
    BrowserSettings,
    ServerSettings,
    AddOnSettings,
    ServiceSettings,
    BaseSettings,
):
    """All settings of a process."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True, hide_input_in_errors=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Look for each of the settings in a file only where there is one: that takes as long as the environment."""
        del settings_cls, file_secret_settings
        in_file = (dotenv_settings,) if getattr(dotenv_settings, "env_vars", None) else ()
        return (init_settings, env_settings, *in_file)

    @model_validator(mode="before")
    @classmethod
    def _empty_is_unset(cls, values: dict[str, Any]) -> dict[str, Any]:
        """Panels of platforms and Compose's `${NAME:-}` set variables to nothing."""
        return {name: value for name, value in values.items() if value != "" or name in EMPTY_STAYS}

    @property
    def proxy_hops(self) -> int:
        """FORWARDED_HOPS, or its default."""
        if self.forwarded_hops is not None:
            return self.forwarded_hops
        return 1 if self.dyno is not None or self.trusted_proxies else 0

    @property
    def proxy_networks(self) -> tuple[Network, ...]:
        """TRUSTED_PROXIES, or its default."""
        return (*LOOPBACK, *PRIVATE) if self.trusted_proxies is None else self.trusted_proxies

    @field_validator("drain_s")
    @classmethod
    def _stops_in_time(cls, drain_s: float, info: ValidationInfo) -> float:
        grace_s, most_s = info.data.get("shutdown_grace_s", 0), info.data.get("platform_stop_s", math.inf)
        if drain_s and drain_s + grace_s > most_s:
            raise ValueError(
                f"with SHUTDOWN_GRACE_S={grace_s:g} it is {drain_s + grace_s:g} s until the process has stopped, but the "
                f"platform kills it after PLATFORM_STOP_S={most_s:g}; lower SHUTDOWN_GRACE_S"
            )
        return drain_s


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
