"""What a sentence transformer of the BERT family is made of: its weights, and what their shapes do not show."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

# What the graph and the forward pass are written for; another model would get other vectors without any error.
_EXPECTED = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
_POOLING = "1_Pooling/config.json"
_HEADER_BYTES = 8


class ModelError(ValueError):
    """The files are not those of a model that can be exported."""


@dataclass(frozen=True)
class Bert:
    """An encoder.

    Args:
        weights: by their names in the file; a linear layer's has a row for each output.
        heads: of the attention, in each layer.
        epsilon: of the layer normalisations.
    """

    weights: Mapping[str, Array]
    heads: int
    epsilon: float

    @property
    def layers(self) -> int:
        """How many layers the encoder has."""
        return len({name.split(".")[2] for name in self.weights if name.startswith("encoder.layer.")})

    @property
    def hidden(self) -> int:
        """Numbers of a vector."""
        return int(self.weights["embeddings.word_embeddings.weight"].shape[1])

    def pair(self, name: str) -> tuple[Array, Array]:
        """Weight and bias of a layer."""
        return self.weights[f"{name}.weight"], self.weights[f"{name}.bias"]


def load(folder: Path) -> Bert:
    """Read a model as sentence-transformers stores it.

    Raises:
        ModelError: the model is of another kind.
    """
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    for name, expected in _EXPECTED.items():
        if config.get(name) != expected:
            raise ModelError(f"{name} must be {expected}, not {config.get(name)}")
    pooling = json.loads((folder / _POOLING).read_text(encoding="utf-8"))
    modes = [name for name, value in pooling.items() if name.startswith("pooling_mode_") and value]
    if modes != ["pooling_mode_mean_tokens"]:
        raise ModelError(f"the pooling must be pooling_mode_mean_tokens, not {', '.join(modes) or 'none'}")
    return Bert(
        weights=tensors(folder / "model.safetensors"),
        heads=config["num_attention_heads"],
        epsilon=config["layer_norm_eps"],
    )


def tensors(path: Path) -> dict[str, Array]:
    """Read the numbers of a safetensors file: the length of a JSON header, the header, and the raw numbers after it.

    Raises:
        ModelError: a tensor has no single-precision numbers, or not as many as its shape says.
    """
    content = path.read_bytes()
    start = _HEADER_BYTES + int.from_bytes(content[:_HEADER_BYTES], "little")
    header: dict[str, Any] = json.loads(content[_HEADER_BYTES:start])
    found: dict[str, Array] = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] == "I64":  # position_ids: 0, 1, 2 and so on
            continue
        begin, end = entry["data_offsets"]
        count = math.prod(entry["shape"])
        if entry["dtype"] != "F32" or end - begin != 4 * count or start + end > len(content):
            raise ModelError(f"{name} must be {count} numbers of type F32, not {end - begin} bytes of {entry['dtype']}")
        found[name] = np.frombuffer(content, "<f4", count, start + begin).reshape(entry["shape"])
    return found
