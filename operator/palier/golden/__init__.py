"""Golden answers: requests whose good answers are known, asked of a candidate before any user meets it.

- `corpus`, `plan`, `result`: the requests; what is asked; what is left of it
- `verdict`, `proof`, `figures`: when it is decided, by which evidence, and how its numbers are written
- `judge_plan`, `judge_reply`, `prompt`, `calibration`: a language model as judge: its settings, replies and text, and
  whether people agree with it
"""
