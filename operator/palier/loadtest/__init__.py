"""The load test: offers requests at random instants, finds the highest rate at which every objective holds.

`search` decides what to try next and what was found, from what `measure` counted and `estimate` makes of it: pure, so
that a simulation can ask it thousands of times. `palier.workers.load_test` does it for real with the generator of
`operator/generator`, in a pod of its own or by hand.
"""
