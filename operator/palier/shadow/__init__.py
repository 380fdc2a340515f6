"""The shadow proxy sends copies of users' requests to both versions and compares the answers, off the users' path.

- `plan`, `sample`, `ledger`: what is compared, which requests are taken, and what is counted
- `headers`, `reply`: what goes along with a copy; an answer as it is compared
"""
