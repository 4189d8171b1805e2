"""The colours of the pages, computed from the style sheet: text can be read on what it stands on, in light and dark,
and states differ for those who see fewer colours."""

import itertools
import re
from typing import Final

import pytest

from api.console.html import ASSETS

Colour = tuple[float, float, float]
"""Red, green and blue, linear, 0 to 1."""

TOKEN: Final = re.compile(r"--([a-z-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)")
STATES: Final = ("scheduled", "queued", "running", "retrying", "succeeded", "failed", "cancelled")
METHODS: Final = {"write": "succeeded", "change": "retrying", "remove": "failed"}
"""The colours of methods of the API, and the states on whose tints they stand."""
TEXT, CONTROL = 4.5, 3.0
"""Least contrasts of WCAG 2.2 AA, of text and of the borders of controls."""
APART: Final = 0.05
"""Least distance in OKLab; a step that is just seen is 0.02."""
SIGHT: Final = {
    "all colours": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
"""What is seen of a colour: G. Machado and others, 2009, at full severity."""


def tokens(scheme: str) -> dict[str, Colour]:
    """The colours by name. scheme: `light` or `dark`."""
    found = TOKEN.findall((ASSETS / "console.css").read_text(encoding="utf-8"))
    return {name: linear(light if scheme == "light" else dark) for name, light, dark in found}


def linear(text: str) -> Colour:
    red, green, blue = (int(text[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return (_linear(red), _linear(green), _linear(blue))


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4


def contrast(one: Colour, other: Colour) -> float:
    lights = sorted(0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in (one, other))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def oklab(colour: Colour, sight: str) -> Colour:
    """Björn Ottosson's OKLab of what is seen of a colour."""
    red, green, blue = (max(sum(a * b for a, b in zip(row, colour, strict=True)), 0) for row in SIGHT[sight])
    long = (0.4122214708 * red + 0.5363325363 * green + 0.0514459929 * blue) ** (1 / 3)
    medium = (0.2119034982 * red + 0.6806995451 * green + 0.1073969566 * blue) ** (1 / 3)
    short = (0.0883024619 * red + 0.2817188376 * green + 0.6299787005 * blue) ** (1 / 3)
    return (
        0.2104542553 * long + 0.7936177850 * medium - 0.0040720468 * short,
        1.9779984951 * long - 2.4285922050 * medium + 0.4505937099 * short,
        0.0259040371 * long + 0.7827717662 * medium - 0.8086757660 * short,
    )


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_on_what_it_stands_on(scheme: str) -> None:
    colours = tokens(scheme)
    pairs = [(text, ground, TEXT) for text in ("ink", "muted", "link") for ground in ("paper", "raised")]
    pairs += [(state, f"{state}-tint", TEXT) for state in STATES]
    pairs += [(name, f"{state}-tint", TEXT) for name, state in METHODS.items()]
    pairs += [("control", ground, CONTROL) for ground in ("paper", "raised")]
    faint = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in pairs}
    assert {pair: value for pair, value in faint.items() if value < pair[2]} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("sight", SIGHT)
def test_states_differ_for_those_who_see_fewer_colours(scheme: str, sight: str) -> None:
    colours = tokens(scheme)
    seen = {state: oklab(colours[state], sight) for state in STATES}
    alike = {}
    for one, other in itertools.combinations(STATES, 2):
        apart = sum((a - b) ** 2 for a, b in zip(seen[one], seen[other], strict=True)) ** 0.5
        if apart < APART:
            alike[one, other] = apart
    assert alike == {}
