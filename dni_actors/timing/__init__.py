"""When boxes are where: what ticks cost (scene), what comes of that (recurrence: engine 1), which lag is enough (lag).

Time alone, in whole nanoseconds. `simulate` asks it about chains on paper, `--lag auto` and the advice of a run about
that run.
"""
