"""Every field of a configuration, by name: which part holds it, what it may be, and what it means in words."""

import ast
import inspect
from collections.abc import Mapping
from dataclasses import MISSING, fields
from functools import cache
from typing import Annotated, Any, NamedTuple, get_args, get_origin, get_type_hints

from dni_actors.config import parts
from dni_actors.config.checks import ConfigError, choose
from dni_actors.config.facts import Facts


class Field(NamedTuple):
    """One option of a run."""

    name: str
    part: str
    """chain, synthesizer, learning, execution or output"""
    hint: Any
    """its type, and the checks annotated there"""
    default: Any

    @property
    def kind(self) -> Any:
        """Its type alone."""
        return get_args(self.hint)[0] if get_origin(self.hint) is Annotated else self.hint

    @property
    def counts(self) -> bool:
        """Whether another value may change what is learned."""
        notes = get_args(self.hint) if get_origin(self.hint) is Annotated else ()
        return parts.BOUND in notes or (self.part not in ("execution", "output") and parts.FREE not in notes)

    @property
    def flag(self) -> str:
        """As the command line knows it."""
        return "--" + self.name.strip("_").replace("_", "-")


PARTS: Mapping[str, Any] = get_type_hints(Facts)
FIELDS: Mapping[str, Field] = {
    field.name: Field(field.name, part, get_type_hints(of, include_extras=True)[field.name], field.default)
    for part, of in PARTS.items()
    for field in fields(of)
}
assert MISSING not in {field.default for field in FIELDS.values()}


def field(name: str) -> Field:
    """ConfigError, with the nearest name, if there is none."""
    if name not in FIELDS:
        raise ConfigError(name, f"there is no such field; {choose(name, FIELDS)}")
    return FIELDS[name]


@cache
def doc_lines() -> dict[str, str]:
    """What the text under each field in parts.py says, by the field's name."""
    return {name: text for part in PARTS.values() for name, text in doc_lines_of(part).items()}


def doc_lines_of(part: Any) -> dict[str, str]:
    """What the text under each field of a dataclass says, by the field's name."""
    found = {}
    (tree,) = ast.parse(inspect.getsource(part)).body
    assert isinstance(tree, ast.ClassDef)
    for one, below in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(one, ast.AnnAssign) and isinstance(below, ast.Expr):
            assert isinstance(one.target, ast.Name)
            found[one.target.id] = " ".join(ast.literal_eval(below.value).split())
    return found
