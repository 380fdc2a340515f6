"""The programs that run in pods of their own, or by hand: they send load, ask golden answers, compare in the shadow.

What they plan and what they find is in `loadtest`, `golden` and `shadow`, as pure functions; here are the loops, the
sockets and the clocks.
"""
