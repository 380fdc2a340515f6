"""The load test: offers requests at random instants, finds the highest rate at which every objective holds.

Pure, so that a simulation can ask it thousands of times. `palier.workers.load_test` does it for real with the generator
of `operator/generator`, in a pod of its own or by hand.

- `plan`, `objectives`, `corpus`, `result`: what a load test works by; which promises it judges; its requests; what it
  found
- `search`, `estimate`, `measure`, `findings`: the next step, what a step showed, how the search ends
"""
