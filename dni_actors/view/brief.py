"""A run in short, as HTML for a cell of a notebook: figures, the curve, and who did what when."""

import base64
import html
from typing import TYPE_CHECKING, Any

from dni_actors.observe.account import Account

if TYPE_CHECKING:
    from dni_actors.view.page import Excerpt

SHOWN = ("status", "verdict", "figure", "ticks", "seconds", "ticks_per_second", "overlap", "digest", "path")


def brief(result: dict[str, Any], account: Account | None, excerpt: "Excerpt | None") -> str:
    """`result`: the content of result.json. Without an account there are no pictures."""
    rows = [(name.replace("_", " "), result[name]) for name in SHOWN if result.get(name) is not None]
    cells = "".join(f"<tr><td>{name}</td><td>{html.escape(str(value))}</td></tr>" for name, value in rows)
    parts = [f"<table>{cells}</table>"]
    if account is not None:
        from dni_actors.view import pictures  # late: it takes a second
        from dni_actors.view.spacetime import spacetime
        from dni_actors.view.theme import png, style

        with style():
            figures = [pictures.learning([account])]
            if excerpt is not None and excerpt.events is not None and excerpt.messages is not None:
                figures.append(spacetime(excerpt.events, excerpt.messages, excerpt.first, excerpt.last))
            for figure in figures:
                if figure is not None:
                    data = base64.b64encode(png(figure)).decode()
                    parts.append(f'<img alt="" style="max-width:100%" src="data:image/png;base64,{data}">')
    return "".join(parts)
