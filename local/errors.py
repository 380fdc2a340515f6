"""The one exception that this package raises on purpose, so that the command line can show it without a traceback."""


class LocalError(Exception):
    """Something that the user can act on: its message says what is wrong and, where known, what to do."""
