"""What pictures in a terminal are made of: cells of fixed width, bars, sparklines, colours for any background."""

from collections.abc import Sequence
from typing import NamedTuple

from rich.segment import Segment
from rich.style import Style

from dni_actors.view import palette

PLAIN, BOLD, DIM = Style(), Style(bold=True), Style(dim=True)
GOOD, FAIR, BAD = (Style(color=colour) for colour in (palette.GREEN, palette.ORANGE, palette.RED))

PHASES = {  # a strip's letters (observe/strip.py): the colour, and what the legend says
    letter: (palette.PHASES[name], name)
    for letter, name in (
        ("F", "forward"),
        ("B", "backward"),
        ("U", "update"),
        ("S", "train synthesizer"),
        ("s", "synthesize"),
        ("E", "evaluate"),
    )
}


class Glyphs(NamedTuple):
    """Characters, for terminals that know Unicode and for those that do not."""

    levels: str
    """of a sparkline, lowest first"""
    parts: str
    """of a bar's last cell, shortest first; the last is a full one"""
    line: str
    """of progress: done, and still to do"""
    wait: str
    trend: str
    """up, down, level"""
    more: str
    """what was cropped"""
    dot: str
    """between facts"""


UNICODE = Glyphs("▁▂▃▄▅▆▇█", "▏▎▍▌▋▊▉█", "━─", "·", "↑↓→", "…", "·")
ASCII = Glyphs("_.-=+*%#", "#", "=-", ".", "^v=", ".", ",")


def cell(text: str, width: int, style: Style = PLAIN, right: bool = True) -> Segment:
    """Text of exactly this width."""
    text = text[:width]
    return Segment(text.rjust(width) if right else text.ljust(width), style)


def bar(share: float, width: int, glyphs: Glyphs) -> str:
    """From 0 to 1."""
    cells = min(1.0, max(0.0, share)) * width
    whole, part = int(cells), int((cells - int(cells)) * len(glyphs.parts))
    return (glyphs.parts[-1] * whole + (glyphs.parts[part - 1] if part else "")).ljust(width)


def spark(values: Sequence[float], width: int, glyphs: Glyphs) -> str:
    """The newest values, between the least and the most of them."""
    shown = [value for value in values[-width:] if value - value == 0]  # finite
    if not shown:
        return " " * width
    low, high = min(shown), max(shown)
    top = len(glyphs.levels) - 1
    levels = [round((value - low) / (high - low) * top) if high > low else top // 2 for value in shown]
    return "".join(glyphs.levels[level] for level in levels).rjust(width)


def strip(letters: str, glyphs: Glyphs) -> list[Segment]:
    """A box's slices of time: letters on their colour; waiting is a dot."""
    found: list[Segment] = []
    begin = 0
    for end in range(1, len(letters) + 1):
        if end == len(letters) or letters[end] != letters[begin]:
            run = letters[begin:end]
            if run[0] in PHASES:
                found.append(Segment(run, ON_COLOUR[run[0]]))
            else:
                found.append(Segment((" " if run[0] == " " else glyphs.wait) * len(run), DIM))
            begin = end
    return found


ON_COLOUR = {letter: Style(color="black", bgcolor=colour) for letter, (colour, _) in PHASES.items()}


def clock(seconds: float) -> str:
    """1:05, or 2:01:05."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
