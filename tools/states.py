"""`python -m tools.states`: draws docs/pictures/states.svg, the states of a job and what moves it between them."""

from html import escape
from typing import Final, NamedTuple

from tasks.queue.records.record import State
from tools.documents import ROOT

FILE: Final = ROOT / "docs" / "pictures" / "states.svg"
SIZE: Final = (1080, 440)
BOX: Final = (130, 44)
FONT: Final = "font-family='system-ui, sans-serif'"
CENTRES: Final = {
    State.SCHEDULED: (105, 180),
    State.QUEUED: (365, 180),
    State.RUNNING: (655, 180),
    State.RETRYING: (510, 290),
    State.SUCCEEDED: (965, 130),
    State.FAILED: (965, 210),
    State.CANCELLED: (965, 290),
}
"""Where the middle of each state's box is, in pixels."""
LIVE: Final = tuple(state for state in State if not state.ended)
FRAMES: Final = ((20, 70, 735, 270), (880, 85, 170, 255))
"""Around the states of a job that has not ended, and of one that has: x, y, width and height in pixels."""


class Transition(NamedTuple):
    """An arrow.

    Args:
        starts: The states that a job may be in before.
        end: The state that it is in afterwards.
        label: What moves it.
        points: The arrow's corners in pixels.
        at: The middle of the label in pixels.
    """

    starts: tuple[State, ...]
    end: State
    label: str
    points: tuple[tuple[int, int], ...]
    at: tuple[int, int]


TRANSITIONS: Final = (
    Transition((State.SCHEDULED,), State.QUEUED, "its time has come", ((170, 180), (300, 180)), (235, 170)),
    Transition((State.QUEUED,), State.RUNNING, "a worker claims it", ((430, 180), (590, 180)), (510, 170)),
    Transition(
        (State.RUNNING,),
        State.QUEUED,
        "handed back, or the lease lapsed",
        ((655, 158), (655, 110), (365, 110), (365, 158)),
        (510, 100),
    ),
    Transition((State.RUNNING,), State.RETRYING, "attempt failed", ((655, 202), (655, 290), (575, 290)), (655, 250)),
    Transition((State.RETRYING,), State.QUEUED, "its time has come", ((445, 290), (365, 290), (365, 202)), (432, 250)),
    Transition((State.RUNNING,), State.SUCCEEDED, "done", ((720, 172), (800, 130), (900, 130)), (840, 120)),
    Transition((State.RUNNING,), State.FAILED, "gave up", ((720, 188), (800, 210), (900, 210)), (840, 200)),
    Transition(LIVE, State.CANCELLED, "cancelled", ((755, 290), (900, 290)), (840, 280)),
    Transition(
        (State.SCHEDULED,),
        State.FAILED,
        "a job that it comes after did not succeed",
        ((105, 158), (105, 30), (1066, 30), (1066, 210), (1030, 210)),
        (580, 20),
    ),
    Transition(
        (State.RETRYING, State.SUCCEEDED, State.FAILED, State.CANCELLED),
        State.QUEUED,
        "retried or sent again by hand",
        ((965, 340), (965, 400), (325, 400), (325, 202)),
        (640, 390),
    ),
)


def svg() -> str:
    """The picture as SVG text."""
    width, height = SIZE
    parts = [
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {width} {height}' role='img'>",
        "<title>The states of a job</title>",
        "<defs><marker id='tip' viewBox='0 0 10 10' refX='9' refY='5' markerWidth='8' markerHeight='8' orient='auto'>",
        "<path d='M0 0 10 5 0 10z' fill='#4b5563'/></marker></defs>",
        f"<rect width='{width}' height='{height}' fill='#ffffff'/>",
        *(_frame(*one) for one in FRAMES),
        *(_arrow(one) for one in TRANSITIONS),
        *(_label(one) for one in TRANSITIONS),
        *(_box(state) for state in State),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _frame(x: int, y: int, width: int, height: int) -> str:
    line = "rx='12' fill='none' stroke='#9ca3af' stroke-dasharray='5 5'"
    return f"<rect x='{x}' y='{y}' width='{width}' height='{height}' {line}/>"


def _arrow(one: Transition) -> str:
    points = " ".join(f"{x},{y}" for x, y in one.points)
    return f"<polyline points='{points}' fill='none' stroke='#4b5563' stroke-width='1.4' marker-end='url(#tip)'/>"


def _label(one: Transition) -> str:
    x, y = one.at
    style = "font-size='13' fill='#374151' stroke='#ffffff' stroke-width='4' paint-order='stroke'"
    return f"<text x='{x}' y='{y}' text-anchor='middle' {FONT} {style}>{escape(one.label)}</text>"


def _box(state: State) -> str:
    (x, y), (width, height) = CENTRES[state], BOX
    fill = "#e5e7eb" if state.ended else "#dbeafe"
    place = f"x='{x - width // 2}' y='{y - height // 2}' width='{width}' height='{height}'"
    box = f"<rect {place} rx='8' fill='{fill}' stroke='#1f2937'/>"
    name = f"<text x='{x}' y='{y + 5}' text-anchor='middle' {FONT} font-size='16' fill='#111827'>{state.value}</text>"
    return box + name


if __name__ == "__main__":
    FILE.write_text(svg(), encoding="utf-8")
