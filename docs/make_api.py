"""Makes the reference of what others may use, as pages of HTML.

python docs/make_api.py [FOLDER]    (default: build/api)
"""

import sys
from pathlib import Path

import pdoc

import dni_actors

MODULES = (
    "dni_actors",
    "dni_actors.protocol.model",  # what `fit` gives back
    "dni_actors.estimators",
    "dni_actors.tasks",  # the rest is for those who extend the package: extending.md
    "dni_actors.tasks.task",
    "dni_actors.tasks.text",
    "dni_actors.nn.cell",
    "dni_actors.nn.rnn",
    "dni_actors.nn.streams",
    "dni_actors.nn.synthesizer",
)


def main(folder: Path) -> None:
    specs = [spec for name in MODULES for spec in (name, rf"!{name}\..*")]  # a module, without those below it
    for name in dni_actors.__all__:  # loaded on first use, which pdoc does not do
        setattr(dni_actors, name, getattr(dni_actors, name))
    pdoc.render.configure(docformat="google", show_source=False, search=False)
    pdoc.pdoc(*specs, output_directory=folder)


if __name__ == "__main__":
    main(Path(*sys.argv[1:] or ["build/api"]))
