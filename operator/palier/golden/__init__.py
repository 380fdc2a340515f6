"""Golden answers: requests whose good answers are known, asked of a candidate before any user meets it.

- `corpus`, `plan`, `result`: the requests; what is asked; what is left of it
- `verdict`, `proof`: when it is decided, and by which evidence
- `judge_plan`, `judge_reply`, `prompt`, `calibration`: a language model as judge: its settings, replies and text, and
  whether people agree with it
"""
