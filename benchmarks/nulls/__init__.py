"""The decision engine where the assumptions of its tests fail: is a good candidate still left alone, a bad one found?

Run `python -m benchmarks.evidence --nulls`.
"""
