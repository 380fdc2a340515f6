"""A language-identification model server: small enough to read at one sitting, careful enough to copy.

It exists to show what a progressive release asks of a model server: a readiness that can be trusted, counters and a
latency histogram of its own, and an end that loses no request.
"""
