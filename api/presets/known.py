"""The presets of the service itself: those of the code, and those of IMAGE_PRESETS."""

import re
import zlib
from collections.abc import Mapping

from pydantic import BaseModel, ValidationError

from tasks.presets import NAME
from tasks.refusal import Refusal
from tasks.settings import Settings
from tasks.thumbnail.params import PresetUse
from tasks.thumbnail.variants import PRESETS, Variant, variants_json, variants_of
from tasks.validation import faults_of


class KnownPreset(BaseModel):
    """A preset that all owners have. use: what jobs note of it; None for those of the code."""

    variants: tuple[Variant, ...]
    use: PresetUse | None = None


def known_presets(settings: Settings) -> Mapping[str, KnownPreset]:
    """The presets of the code, and those of IMAGE_PRESETS, which may have the same names.

    Raises:
        ValueError: IMAGE_PRESETS has a wrong preset; the message says which.
    """
    known = {name: KnownPreset(variants=variants) for name, variants in PRESETS.items()}
    for name, value in settings.image_presets.items():
        if not re.fullmatch(NAME, name):
            raise ValueError(f"IMAGE_PRESETS: {name!r} is no name of a preset. It has up to 40 of a-z, 0-9, _ and -.")
        try:
            variants = variants_of(value if isinstance(value, list) else [value])
        except ValidationError as error:
            raise ValueError(f"IMAGE_PRESETS: {name}: {faults_of(error)[0].message}") from None
        except Refusal as refusal:
            raise ValueError(f"IMAGE_PRESETS: {name}: {refusal.message}") from None
        version = zlib.crc32(variants_json(variants).encode())
        known[name] = KnownPreset(variants=variants, use=PresetUse(name=name, version=version))
    return known
