"""Asks golden answers of a candidate, and has judges and scorers tell how good they are."""
