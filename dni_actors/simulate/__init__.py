"""How fast a chain of boxes is, found without running it: time alone, in whole nanoseconds. Nothing is learned here.

What is learned does not depend on timing, so timing can be modelled by itself. Two engines do it:

    timing/recurrence  all boxes of a tick at once, as arrays: exact, for ten thousand boxes; no shared cores or uplinks
    events             a heap of instants over the programs of protocol/program.py, which the real runtimes run, too

Where both apply they agree to the nanosecond (tests/simulate/test_agreement.py).
"""
