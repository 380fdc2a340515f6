"""Asks golden answers of a candidate, and has judges and scorers say how good they are.

- `run`, `ask`, `asking`: the program; one request; all of them, to both versions
- `scoring`, `scorer`, `judge`, `votes`: scores by the checks, by a program of the user's, or by a model that judges
"""
