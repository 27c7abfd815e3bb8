"""The command line of `simulate`: a flag for each field of a setting."""

from collections.abc import Sequence
from dataclasses import fields, replace
from typing import Any, get_type_hints

from dni_actors.config.checks import checked
from dni_actors.config.effects import shown
from dni_actors.config.fields import Field, doc_lines_of
from dni_actors.config.flags import Arguments, dashed, refuse_unknown, shape, understood
from dni_actors.simulate.setting import Setting

DESCRIPTION = """How fast would a chain of time boxes be, with these boxes, links and failures? This simulates time
alone, under each update rule, and names what holds it up. Nothing is learned, and no Ray is needed. Options that
dni_actors.launch has, too, mean the same."""
HINTS: dict[str, Any] = get_type_hints(Setting, include_extras=True)


def parse(argv: Sequence[str]) -> Setting:
    """The setting that the flags give. ConfigError on wrong input; SystemExit 0 after --help."""
    parser, texts = Arguments("dni_actors.simulate", DESCRIPTION, usage="%(prog)s [options]"), doc_lines_of(Setting)
    known = {field.name: Field(field.name, "simulate", HINTS[field.name], field.default) for field in fields(Setting)}
    for name, field in known.items():
        default = f" (default: {shown(field.default)})" if field.default not in (None, "") else ""
        text = (texts[name] + default).replace("%", "%%")
        parser.add_argument(field.flag, dest=name, help=text, **shape(field))
    parsed, unknown = parser.parse_known_args(dashed(argv))
    refuse_unknown(parser, unknown)
    words = {name: text for name, text in vars(parsed).items() if text is not None}
    values = {
        name: checked(name, understood(name, text, known[name].kind), HINTS[name]) for name, text in words.items()
    }
    setting = Setting(**values)
    if setting.measured is not None and "boxes" not in values:
        setting = replace(setting, boxes=len(setting.measured.work.forward))
    setting.check()
    return setting
