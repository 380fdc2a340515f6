"""The programs that run in pods of their own, or by hand: they send load, ask golden answers, compare in the shadow.

What they plan and what they find is in `loadtest`, `golden` and `shadow`, as pure functions; here are the loops, the
sockets and the clocks.

- `load_test`: fires, prints progress, leaves its result
- `golden`, `shadow`: golden answers and the shadow proxy, packages of their own
- `connections`, `embedding`: what asks a server holds them; asks one for the vectors of texts
"""
