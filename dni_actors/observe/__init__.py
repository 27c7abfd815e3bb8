"""What is told of a run, as plain facts: events, where the chain stands, evaluations, advice, traces."""
