"""The declaration that a profile makes: bins between the deciles of the data that the model was trained with.

Counts can only be compared between edges that both sides have. A profile that `palier drift --write-profile` has
written is the side that is already there, so its edges, categories and groups are the best ones to count with, and
nobody has to type them.
"""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from palier_instrument.declaration import Category, Declaration, DeclarationError, Number, Variable
from palier_instrument.values import OTHER

FORMAT: Final = "palier-profile"
VERSION: Final = 1
"""The only version of the format that is read."""


def read_declaration(
    path: str | os.PathLike[str],
    *,
    prediction: str | Sequence[str] = (),
    features: Sequence[str] | None = None,
    groups: bool = True,
) -> Declaration:
    """The declaration that a profile makes.

    Args:
        path: a file that `palier drift FILE --write-profile` has written.
        prediction: columns of the profile that are what the model answers.
        features: columns that the model is fed with, where the server does not get all the others.
        groups: whether to tell the groups of the profile (`--by`) apart.

    Raises:
        OSError: the file cannot be read.
        DeclarationError: it is no profile of version 1, lacks a column, or has more than can be exported.
    """
    name = os.fspath(path)
    try:
        document = json.loads(Path(path).read_bytes())
    except (ValueError, RecursionError):
        raise DeclarationError(f"{name}: it is not JSON") from None
    try:
        return _declare(document, prediction, features, groups=groups)
    except DeclarationError as error:
        raise DeclarationError(f"{name}: {error}") from None


def _declare(
    document: object, prediction: str | Sequence[str], features: Sequence[str] | None, *, groups: bool
) -> Declaration:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise DeclarationError("it is no profile; `palier drift FILE --write-profile PROFILE` writes one")
    if document.get("version") != VERSION:
        raise DeclarationError(f"version: it is {document.get('version')!r}; this package reads version {VERSION}")
    columns = _read_object(document, "features")
    predictions = [prediction] if isinstance(prediction, str) else list(prediction)
    by = document.get("by", "")
    chosen = [one for one in columns if one not in predictions] if features is None else list(features)
    return Declaration(
        [_read_variable(columns, one) for one in chosen],
        [_read_variable(columns, one) for one in predictions],
        _read_groups(by, document) if groups and by else None,
    )


def _read_object(document: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = document.get(key, {})
    if not isinstance(found, dict):
        raise DeclarationError(f"{key}: it is no object")
    return found


def _read_variable(columns: Mapping[str, object], name: str) -> Variable:
    if name not in columns:
        raise DeclarationError(f"it has no column {name!r}; it has {', '.join(columns) or 'none'}")
    column = columns[name]
    kind = column.get("kind") if isinstance(column, dict) else None
    if isinstance(column, dict) and kind == "number" and isinstance(edges := column.get("edges"), list):
        return Number(name, edges)
    if isinstance(column, dict) and kind == "category" and isinstance(counts := column.get("counts"), dict):
        return Category(name, [one for one in counts if one != OTHER], numeric=column.get("numeric") is True)
    raise DeclarationError(f"features.{name}: it is neither a number with edges nor a category with counts")


def _read_groups(by: object, document: Mapping[str, object]) -> Category:
    if not isinstance(by, str):
        raise DeclarationError("by: it is no text")
    return Category(by, [one for one in _read_object(document, "groups") if one != OTHER])
