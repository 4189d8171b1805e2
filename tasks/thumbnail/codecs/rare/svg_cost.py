"""Counts what drawing an SVG takes before it is drawn: a short one can ask for billions of elements."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from xml.etree import ElementTree

from tasks.refusal import Refusal

MAX_DEPTH: Final = 100
"""Elements inside one another: some hundreds more than the parser has room for would end the process."""
MAX_SVG_ELEMENTS: Final = 200_000
"""Elements that are drawn, those that `<use>`, a pattern, a mask, a filter, a clip path or a marker draws counted each
time."""
NAMESPACES: Final = {"": "http://www.w3.org/2000/svg", "xlink": "http://www.w3.org/1999/xlink"}
LINKS: Final = ("href", f"{{{NAMESPACES['xlink']}}}href")

_MARKER_ELEMENTS = 20
"""A marker takes as long as so many elements: it is drawn on a layer of its own."""
_DRAWN_EACH_TIME = ("pattern", "mask", "clipPath", "filter", "marker")
"""What `url(#…)` names and is drawn for each that names it; a gradient is not."""
# None of these goes over a text again from each of its places: an SVG may have one of two million characters.
_URL = re.compile(r"url\(([^()]*)\)")
_NOT_SELECTED_BY = re.compile(r"\[[^\[\]]*\]|:[\w-]+")
_SELECTED_BY = re.compile(r"[.#]?[\w-]+|\*")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_COMMAND = re.compile(r"([MmLlHhVvCcSsQqTtAa])([^MmLlHhVvCcSsQqTtAaZz]*)")
_NUMBERS_OF: Final = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7}
"""Numbers for a vertex, by the command of a path."""


class _Cost(NamedTuple):
    """What drawing an element takes: elements drawn, itself included; elements inside one another; and vertices of
    its paths."""

    elements: int
    depth: int
    vertices: int


def check_cost(root: ElementTree.Element) -> None:
    """Refuse an SVG that would be drawn without end.

    Raises:
        Refusal: `unsupported_format`.
    """
    if _Costs(root).of(root).elements > MAX_SVG_ELEMENTS:
        raise _too_complex(
            f"more than {MAX_SVG_ELEMENTS:,} elements, those of `use`, patterns, masks, filters, clip paths and "
            "markers counted each time",
            MAX_SVG_ELEMENTS,
        )


def tag_of(element: ElementTree.Element) -> str:
    """The name of an element, without its namespace."""
    return str(element.tag).rpartition("}")[2]


class _Costs:
    """What each element of a drawing takes."""

    def __init__(self, root: ElementTree.Element) -> None:
        self._owners: dict[str, ElementTree.Element] = {}
        self._rules: dict[str, dict[str, None]] = {}
        self._known: dict[ElementTree.Element, _Cost] = {}
        self._above: set[ElementTree.Element] = set()
        for element in root.iter():
            if name := element.get("id"):
                self._owners.setdefault(f"#{name}", element)
            if tag_of(element) == "style":
                self._add_rules("".join(element.itertext()))

    def of(self, element: ElementTree.Element) -> _Cost:
        if element in self._known or element in self._above:  # a circle is not drawn
            return self._known.get(element, _Cost(0, 0, 0))
        if len(self._above) > MAX_DEPTH:
            raise _too_deep()
        self._above.add(element)
        used = [self._owners[name] for link in LINKS if (name := element.get(link, "").strip()) in self._owners]
        inside = [self.of(child) for child in [*element, *used]]
        named = [(tag_of(owner), self.of(owner)) for owner in self._named(element)]
        self._above.discard(element)
        elements = 1 + sum(one.elements for one in inside)
        vertices = _vertices(element) + sum(one.vertices for one in inside)
        drawn = elements  # what a group names is drawn for each element of the group
        for tag, cost in named:
            each = cost.elements + _MARKER_ELEMENTS if tag == "marker" else cost.elements
            elements += each * (vertices if tag == "marker" else drawn if tag == "pattern" else 1)
        depth = 1 + max((one.depth for one in [*inside, *(cost for _, cost in named)]), default=0)
        if depth > MAX_DEPTH:
            raise _too_deep()
        self._known[element] = _Cost(elements, depth, vertices)
        return self._known[element]

    def _named(self, element: ElementTree.Element) -> Iterator[ElementTree.Element]:
        """What an element names with `url(#…)`, and is drawn for it: each once."""
        names = _names_in(" ".join(text for text in element.attrib.values() if "url(" in text))
        if self._rules:
            classes = [f".{one}" for one in element.get("class", "").split()]
            for key in ("*", tag_of(element), f"#{element.get('id', '')}", *classes):
                names |= self._rules.get(key, {})
        for name in names:
            owner = self._owners.get(name)
            if owner is not None and tag_of(owner) in _DRAWN_EACH_TIME:
                yield owner

    def _add_rules(self, css: str) -> None:
        """Note the rules of a style sheet that name something, under the last class, id or element that they select."""
        for rule in css.split("}"):
            selectors, _, text = rule.rpartition("{")
            if names := _names_in(text):
                for selector in selectors.split(","):
                    parts = _SELECTED_BY.findall(_NOT_SELECTED_BY.sub("", selector))
                    self._rules.setdefault(parts[-1] if parts else "*", {}).update(names)


def _names_in(text: str) -> dict[str, None]:
    """What stands in each `url(…)` of a text, each once."""
    return dict.fromkeys(name.strip(" \t\r\n\"'") for name in _URL.findall(text))


def _vertices(element: ElementTree.Element) -> int:
    """How many vertices a path, a line or a polygon has at most."""
    match tag_of(element):
        case "path":
            found = _COMMAND.findall(element.get("d", ""))
            return sum(-(-len(_NUMBER.findall(numbers)) // _NUMBERS_OF[command.upper()]) for command, numbers in found)
        case "polyline" | "polygon":
            return len(_NUMBER.findall(element.get("points", ""))) // 2
        case "line":
            return 2
    return 0


def _too_deep() -> Refusal:
    return _too_complex(f"more than {MAX_DEPTH} elements inside one another", MAX_DEPTH)


def _too_complex(what: str, limit: int) -> Refusal:
    return Refusal("unsupported_format", f"The SVG has {what}. Simplify it, or save it as a PNG.", limit=limit)
