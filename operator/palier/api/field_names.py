"""Names of fields, as YAML and as Python have them: each is found out once, because every pass asks for all of them."""

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from pydantic import alias_generators

to_camel: Final[Callable[[str], str]] = lru_cache(maxsize=1024)(alias_generators.to_camel)
"""`max_duration` as `maxDuration`."""
to_snake: Final[Callable[[str], str]] = lru_cache(maxsize=1024)(alias_generators.to_snake)
"""`maxDuration` as `max_duration`."""
