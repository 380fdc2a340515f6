"""A tiny model of random weights, for tests of the example server of embeddings: the real one is no part of this.

Its vectors are computed here by plain loops too, so that the graph is compared with something that shares no code.
"""

import json
import math
import random
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

EXAMPLE = Path(__file__).parents[3] / "examples" / "embeddings"
HIDDEN, HEADS, WIDE, POSITIONS, LAYERS, EPSILON = 8, 2, 12, 10, 2, 1e-12
MOST = 8  # tokens of a text, with the two at its ends
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "cat", "kitten", "stone", "sits", "outside", "##s", "not", "."]
CONFIG = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "num_attention_heads": HEADS,
    "layer_norm_eps": EPSILON,
}
CAT, LONG, ONE = [2, 4, 3], [2, 4, 7, 8, 10, 9, 6, 11, 5, 3], [2]
Rows = list[list[float]]


def weights() -> dict[str, Any]:
    """Random weights of a small encoder, as nested lists by the names of BERT's."""
    chance = random.Random(7)  # noqa: S311 (no secret)

    def matrix(rows: int, columns: int) -> Rows:
        # Single precision, so that what is written to the file is what is computed with here.
        return [[float(np.float32(chance.gauss(0, 0.6))) for _ in range(columns)] for _ in range(rows)]

    found: dict[str, Any] = {}

    def layer(name: str, rows: int, columns: int) -> None:
        found[f"{name}.weight"], found[f"{name}.bias"] = matrix(rows, columns), matrix(1, rows)[0]

    def norm(name: str) -> None:
        found[f"{name}.weight"], found[f"{name}.bias"] = matrix(1, HIDDEN)[0], matrix(1, HIDDEN)[0]

    for name, rows in (("word", len(WORDS)), ("position", POSITIONS), ("token_type", 2)):
        found[f"embeddings.{name}_embeddings.weight"] = matrix(rows, HIDDEN)
    norm("embeddings.LayerNorm")
    for number in range(LAYERS):
        name = f"encoder.layer.{number}"
        for part in ("query", "key", "value"):
            layer(f"{name}.attention.self.{part}", HIDDEN, HIDDEN)
        layer(f"{name}.attention.output.dense", HIDDEN, HIDDEN)
        norm(f"{name}.attention.output.LayerNorm")
        layer(f"{name}.intermediate.dense", WIDE, HIDDEN)
        layer(f"{name}.output.dense", HIDDEN, WIDE)
        norm(f"{name}.output.LayerNorm")
    return found


WEIGHTS = weights()


def vector_of(tokens: Sequence[int]) -> list[float]:
    """The vector of a text by plain loops, after the description of BERT: nothing of the example's is used."""
    w = WEIGHTS

    def linear(rows: Rows, name: str) -> Rows:
        weight, bias = w[f"{name}.weight"], w[f"{name}.bias"]
        return [
            [sum(x * y for x, y in zip(row, out, strict=True)) + b for out, b in zip(weight, bias, strict=True)]
            for row in rows
        ]

    def norm(rows: Rows, name: str) -> Rows:
        made = []
        for row in rows:
            mean = sum(row) / len(row)
            spread = math.sqrt(sum((x - mean) ** 2 for x in row) / len(row) + EPSILON)
            scaled = zip(row, w[f"{name}.weight"], w[f"{name}.bias"], strict=True)
            made.append([(x - mean) / spread * weight + bias for x, weight, bias in scaled])
        return made

    def plus(one: Rows, other: Rows) -> Rows:
        return [[x + y for x, y in zip(a, b, strict=True)] for a, b in zip(one, other, strict=True)]

    def attention(rows: Rows, name: str) -> Rows:
        queries, keys, values = (linear(rows, f"{name}.{part}") for part in ("query", "key", "value"))
        size = HIDDEN // HEADS
        made: Rows = [[] for _ in rows]
        for head in range(HEADS):
            mine = range(head * size, (head + 1) * size)
            for place, query in enumerate(queries):
                powers = [math.exp(sum(query[i] * key[i] for i in mine) / math.sqrt(size)) for key in keys]
                made[place] += [
                    sum(power * value[i] for power, value in zip(powers, values, strict=True)) / sum(powers)
                    for i in mine
                ]
        return made

    embeddings = {name: w[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")}
    x = plus([embeddings["word"][token] for token in tokens], embeddings["position"][: len(tokens)])
    x = norm(plus(x, [embeddings["token_type"][0]] * len(tokens)), "embeddings.LayerNorm")
    for number in range(LAYERS):
        name = f"encoder.layer.{number}"
        seen = linear(attention(x, f"{name}.attention.self"), f"{name}.attention.output.dense")
        x = norm(plus(x, seen), f"{name}.attention.output.LayerNorm")
        wide = [
            [y * (1 + math.erf(y / math.sqrt(2))) / 2 for y in row] for row in linear(x, f"{name}.intermediate.dense")
        ]
        x = norm(plus(x, linear(wide, f"{name}.output.dense")), f"{name}.output.LayerNorm")
    mean = [sum(column) / len(tokens) for column in zip(*x, strict=True)]
    return [y / math.hypot(*mean) for y in mean]


def write_tensors(path: Path, values: Mapping[str, Any], *, dtype: str = "F32") -> None:
    """A safetensors file, with the integers that BERT's have too."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    content = b""
    for name, value in values.items():
        raw = np.array(value, dtype="<f4")
        header[name] = {
            "dtype": dtype,
            "shape": raw.shape,
            "data_offsets": [len(content), len(content) + raw.nbytes],
        }
        content += raw.tobytes()
    places = struct.pack(f"<{POSITIONS}q", *range(POSITIONS))
    header["embeddings.position_ids"] = {
        "dtype": "I64",
        "shape": [1, POSITIONS],
        "data_offsets": [len(content), len(content) + len(places)],
    }
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content + places)


def embedded(folder: Path, tokens: Sequence[Sequence[int]]) -> Any:  # noqa: ANN401 (an array)
    """The vectors of texts that are computed together, each filled up to the longest."""
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    longest = max(map(len, tokens))
    ids = np.array([[*text, *[5] * (longest - len(text))] for text in tokens])
    mask = np.array([[1] * len(text) + [0] * (longest - len(text)) for text in tokens])
    return session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
