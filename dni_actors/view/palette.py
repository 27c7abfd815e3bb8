"""The colours of phases and of update rules: the same in the console, the report, comparisons and the documents.

Mid-tones, which are read on black and on white.
"""

BLUE, ORANGE, GREEN, MAGENTA, PURPLE = "#2f6fbf", "#d9782d", "#3f9a5a", "#b14a8b", "#8a6fd0"
OCHRE, TEAL, RED, GREY = "#b08a1e", "#2f9a9a", "#c2504a", "#6b7480"
SERIES = (BLUE, ORANGE, GREEN, MAGENTA, PURPLE, OCHRE, TEAL, RED)
"""boxes, and whatever else has no colour of its own"""

PHASES = {
    "forward": "#4a8ad8",
    "backward": "#e08a3c",
    "update": "#4aa564",
    "train synthesizer": "#b14a8c",
    "synthesize": "#8a70d1",
    "evaluate": "#2f9a9b",
    "prepare": "#9aa3ad",
}
"""by name, in the order of legends"""

RULES = {
    "synthetic": BLUE,
    "local": GREEN,
    "delayed": PURPLE,
    "noise": MAGENTA,
    "truncated": OCHRE,
    "locked": ORANGE,
}
"""by name, in the order of tables"""


def of_rule(update: str) -> str:
    """Its colour; grey for one that is not known."""
    return RULES.get(update, GREY)
