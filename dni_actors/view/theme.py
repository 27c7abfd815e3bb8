"""How pictures look, on paper and on screens, light or dark: drawn once by matplotlib, in colours that the page names.

A picture's SVG stands inside the page, where style sheets reach it. Its colours become variables there
(`var(--ink)`), of which the page has one value for light and one for dark. PNGs show the light ones.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from dni_actors.view import palette

INK, PAPER, GRID, FAINT = "#1f2329", "#fefefe", "#d9dee5", palette.GREY
SPENT = {
    **palette.PHASES,
    "wait State": "#e4e8ed",
    "wait Gradient": "#f3dcd9",
    "wait Score": "#dcebea",
    "other": "#f1f3f6",
}
DARK = {
    INK: "#e4e7eb", PAPER: "#15181c", GRID: "#343a42", FAINT: "#9aa3ad",
    palette.BLUE: "#6ea8f0", palette.ORANGE: "#f0a05c", palette.GREEN: "#6cc588", palette.MAGENTA: "#e083bd",
    palette.PURPLE: "#b09af0", palette.OCHRE: "#d9b54a", palette.TEAL: "#62c7c7", palette.RED: "#ee8580",
    "#e4e8ed": "#30373f", "#f3dcd9": "#52383a", "#dcebea": "#24393a", "#f1f3f6": "#1d2126",
}  # fmt: skip
"""by light colour: the dark one, where it is another"""
NAMES = {colour: f"c{i}" for i, colour in enumerate(dict.fromkeys((*DARK, *SPENT.values())))}
STYLE: dict[str, Any] = {
    "figure.facecolor": PAPER, "axes.facecolor": PAPER, "savefig.facecolor": PAPER, "axes.edgecolor": FAINT,
    "axes.labelcolor": INK, "text.color": INK, "xtick.color": FAINT, "ytick.color": FAINT, "xtick.labelcolor": INK,
    "ytick.labelcolor": INK, "grid.color": GRID, "axes.grid": True, "axes.axisbelow": True, "grid.linewidth": 0.6,
    "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 10, "axes.labelsize": 9,
    "xtick.labelsize": 8, "ytick.labelsize": 8, "legend.fontsize": 8, "legend.frameon": False, "font.size": 9,
    "font.family": "sans-serif", "lines.linewidth": 1.4, "svg.fonttype": "none", "svg.hashsalt": "dni_actors",
    "text.parse_math": False, "axes.titlelocation": "left",
}  # fmt: skip


@contextmanager
def style() -> Iterator[None]:
    """For drawing and for writing."""
    with matplotlib.rc_context(STYLE):  # type: ignore[arg-type]  # whose keys are a type of 300 literals
        yield


def css() -> str:
    """The variables, light and dark."""
    light = "".join(f"--{name}:{colour};" for colour, name in NAMES.items())
    dark = "".join(f"--{NAMES[colour]}:{other};" for colour, other in DARK.items())
    return f":root{{color-scheme:light dark;{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"


def variable(colour: str) -> str:
    return f"var(--{NAMES[colour]})"


def png(figure: Figure) -> bytes:
    content = io.BytesIO()
    with style():
        figure.savefig(content, format="png", dpi=130)
    return content.getvalue()


def svg(figure: Figure, name: str, caption: str) -> str:
    """An element for a page; `name`: other for each picture in it; `caption`: for those who cannot see."""
    content = io.StringIO()
    with style():
        figure.savefig(content, format="svg", metadata={"Date": None})
    text = content.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.DOTALL)
    for before in ('id="', "url(#", 'href="#'):
        text = text.replace(before, f"{before}{name}-")
    text = re.sub(r"#[0-9a-f]{6}\b", lambda found: variable(found[0]) if found[0] in NAMES else found[0], text)
    text = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", text, count=1, flags=re.DOTALL)
    text = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", text, count=1, flags=re.DOTALL)
    text = re.sub(r"\n\s*", "\n", text)
    return text.replace("<svg", f'<svg role="img" aria-label="{caption}"', 1)
