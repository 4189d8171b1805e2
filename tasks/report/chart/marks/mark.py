"""What a chart is made of once it is laid out: a few kinds of mark, in points from its top left corner, y downwards.

Geometry ends here and drawing begins: `drawing.py` puts marks on a page, tests read them.
"""

from dataclasses import dataclass, replace

from tasks.report.layout.theme import HAIRLINE, Rgb

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Edges:
    """A box."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    def meets(self, other: "Edges", gap: float = 0.0) -> bool:
        """Whether the two come nearer than gap to each other."""
        return (
            self.left < other.right + gap
            and other.left < self.right + gap
            and self.top < other.bottom + gap
            and other.top < self.bottom + gap
        )


@dataclass(frozen=True, slots=True)
class TextMark:
    """One line of text. x: its left end, whatever it was aligned to; y: its baseline. of: what it says, by role and
    number, such as the name of category 3."""

    x: float
    y: float
    text: str
    size: float
    width: float
    colour: Rgb
    bold: bool = False
    of: tuple[str, int] | None = None

    @property
    def edges(self) -> Edges:
        """What the line covers, from the top of its capitals to the foot of its descenders."""
        return Edges(self.x, self.y - 0.75 * self.size, self.x + self.width, self.y + 0.22 * self.size)

    def moved(self, right: float, down: float) -> "TextMark":
        """The same line elsewhere."""
        return replace(self, x=self.x + right, y=self.y + down)

    def between(self, left: float, right: float) -> "TextMark":
        """The same line, moved as little as brings it between left and right."""
        return self.moved(max(min(self.x, right - self.width), left) - self.x, 0)


@dataclass(frozen=True, slots=True)
class Stroke:
    """A line through points."""

    points: tuple[Point, ...]
    colour: Rgb
    width: float = HAIRLINE


@dataclass(frozen=True, slots=True)
class Boxes:
    """Filled rectangles of one colour."""

    edges: tuple[Edges, ...]
    colour: Rgb


@dataclass(frozen=True, slots=True)
class Area:
    """A filled polygon that lets shine through what is behind it."""

    points: tuple[Point, ...]
    colour: Rgb
    opacity: float


@dataclass(frozen=True, slots=True)
class Wedge:
    """A slice around a point. start, end: degrees clockwise from twelve o'clock. inner: the radius of its hole."""

    centre: Point
    radius: float
    inner: float
    start: float
    end: float
    colour: Rgb


@dataclass(frozen=True, slots=True)
class Dots:
    """Discs of one size and colour. rim: each has a white line around it."""

    centres: tuple[Point, ...]
    radius: float
    colour: Rgb
    opacity: float = 1.0
    rim: bool = False


Mark = TextMark | Stroke | Boxes | Area | Wedge | Dots
