"""How a YAML file that cannot be read is reported."""

from collections.abc import Iterator
from contextlib import contextmanager

import yaml

from palier.errors import InvalidSettings


@contextmanager
def explain_unreadable(path: str) -> Iterator[None]:
    """Whatever prevents the reading of a file within the block is reported in one line, as InvalidSettings."""
    try:
        yield
    except OSError as error:
        raise InvalidSettings(f"cannot read {path}: {error.strerror or error}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InvalidSettings(f"cannot read {path}: {' '.join(str(error).split())}") from error
