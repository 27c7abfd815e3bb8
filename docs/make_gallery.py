"""Makes the pictures of docs/gallery/ from the reports of two real runs, over links that take 5 ms each way.

python docs/make_gallery.py
"""

import tempfile
from pathlib import Path

from PIL import Image

from dni_actors import RunConfig, run, session
from dni_actors.report import write

FOLDER = Path(__file__).with_name("gallery")
FIELDS = {"task": "rows", "ticks": 600, "evaluate_every": 50, "link_delay_ms": "5", "console": "quiet"}
RULES = {"decoupled": {"lag": 6, "probe_every": 50, "local_readout": False}, "locked": {"update": "locked"}}
PICTURES = {
    "report-learning-rows.png": "learning.png",
    "report-decoupled-cosine.png": "cosine.png",
    "report-decoupled-probes-cosine.png": "probes.png",
    "report-decoupled-slack.png": "slack.png",
    "report-decoupled-waits.png": "waits-decoupled.png",
    "report-locked-waits.png": "waits-locked.png",
}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as storage, session():
        for name, rule in RULES.items():
            run(RunConfig.of(**FIELDS, **rule, name=name, storage=storage))
        page = write([f"{storage}/{name}" for name in RULES])
        for made, kept in PICTURES.items():
            Image.open(page.parent / made).convert("RGB").quantize(64).save(FOLDER / kept, optimize=True)


if __name__ == "__main__":
    main()
