"""The public proof: the same traffic for Palier's engine and for the rules of others, side by side.

Run `python -m benchmarks.evidence --help`.
"""
