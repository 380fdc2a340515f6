"""Palier: a model from proof of concept to production, one landing at a time."""
