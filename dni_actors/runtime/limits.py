"""How long who may be silent before something is done about it: seconds, all in one place."""

SILENT_AFTER = 10.0
"""without an answer: a box's process hangs, for the thread that answers does nothing else; so does one that stands
still while it starts"""
FAR = 4
"""times as long may a box on another node leave a call unanswered"""
STUCK_AFTER = 30.0
"""in one step of its program, waiting for nothing: a box's loop hangs, unless it is a slow one;"""
SLOWER = 20
"""then a step before took a fair part of this time, or it is the first tick, where all is slower"""
STALLED_AFTER = 60.0
"""in which no box that waits gets on"""
STAND_WITHIN = 60.0
"""for boxes to be ready to go on, their data loaded; and for the next one of those that start to be up"""
ANSWER_WITHIN = 1.0
"""for an answer that should be there already"""
REST_WITHIN = 1.0
"""for the boxes of a run that is over to be ready for the next one"""
LAST_WORDS_WITHIN = 1.0
"""that the other boxes get to report when a run is cut short"""
LEAVE_WITHIN = 10.0
"""for Ray to end by itself; then its processes are killed, and this long once more"""
GLANCE = 0.5
"""between two looks of who waits"""
