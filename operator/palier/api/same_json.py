"""Whether two values that JSON can hold are one and the same value, so that what was read from one holds for the other.

Python takes 1, 1.0 and true for equal; whoever reads a spec or a status tells them apart.
"""


def is_same_json(one: object, other: object) -> bool:
    """Whether two values are of the same type and equal, at every depth; the order of fields does not matter."""
    if one is other:
        return True
    if type(one) is not type(other):
        return False
    if isinstance(one, dict) and isinstance(other, dict):
        return len(one) == len(other) and all(
            name in other and is_same_json(value, other[name]) for name, value in one.items()
        )
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same_json, one, other))
    return one == other
