"""What a model server exports so that Palier can watch its data: counts in bins that were declared, never a value.

- `declaration`: features, predictions and groups, and how many there may be
- `profile_file`: the declaration that a profile of the training data makes
- `values`: from any Python value to a number or a declared category
- `arguments`: where the features are in the arguments of a function
- `ledger`: the counts of one process, and how Prometheus gets them
- `watching`: the decorator, and counting by hand
- `asgi`, `aiohttp_server`: middleware for servers that cannot be decorated; neither is imported here
"""

from palier_instrument.declaration import Category, Declaration, DeclarationError, Number
from palier_instrument.profile_file import read_declaration
from palier_instrument.watching import Watch, watch

__all__ = ["Category", "Declaration", "DeclarationError", "Number", "Watch", "read_declaration", "watch"]
