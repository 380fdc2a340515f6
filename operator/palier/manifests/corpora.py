"""How a pod gets at lines of requests: copied into a ConfigMap of its own, or as a volume that it mounts."""

import json
from typing import Any, Final

from palier.api.spec.load_test import Corpus

CORPUS_KEY: Final = "corpus.jsonl"
"""Key of the ConfigMap, and name of the file, with the copied lines."""


def corpus_text(corpus: Corpus | None, *, read: str = "") -> str | None:
    """The lines to copy; None where a volume has them, or where there is no corpus.

    Args:
        corpus: where the lines are.
        read: text of the ConfigMap's key when they come from one.
    """
    if corpus is not None and corpus.inline is not None:
        return "".join(f"{_one_line(entry)}\n" for entry in corpus.inline)
    if corpus is not None and corpus.config_map_key_ref is not None:
        return read
    return None


def corpus_volume(corpus: Corpus | None) -> tuple[dict[str, Any], str] | None:
    """The source of a volume with the lines, and the path of their file in it; None where they are copied."""
    if corpus is not None and corpus.volume is not None:
        return {"persistentVolumeClaim": {"claimName": corpus.volume.claim_name}}, corpus.volume.path
    if corpus is not None and corpus.image is not None:
        return {"image": {"reference": corpus.image.reference}}, corpus.image.path
    return None


def _one_line(entry: str) -> str:
    """An entry of `corpus.inline` as one line of JSON Lines; YAML blocks may have several."""
    if "\n" not in entry.strip():
        return entry.strip()
    try:
        return json.dumps(json.loads(entry), ensure_ascii=False)
    except (ValueError, RecursionError):
        return json.dumps(entry, ensure_ascii=False)
