"""The encoder once more, in NumPy and double precision: what the graph is checked against.

It takes one text at a time and knows no mask, so a graph that lets padding shine through is found out.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from embedding_export.bert import Bert

Wide = NDArray[np.float64]
_erf = np.vectorize(math.erf, otypes=[np.float64])


def forward(bert: Bert, tokens: Sequence[int]) -> Wide:
    """The vector of one text's tokens, with those that mark begin and end."""
    weights = bert.weights
    x = (
        weights["embeddings.word_embeddings.weight"][list(tokens)].astype(np.float64)
        + weights["embeddings.position_embeddings.weight"][: len(tokens)]
        + weights["embeddings.token_type_embeddings.weight"][0]
    )
    x = _normalised(bert, x, "embeddings.LayerNorm")
    for layer in range(bert.layers):
        name = f"encoder.layer.{layer}"
        seen = _linear(bert, _attention(bert, x, f"{name}.attention.self"), f"{name}.attention.output.dense")
        x = _normalised(bert, x + seen, f"{name}.attention.output.LayerNorm")
        wide = _linear(bert, x, f"{name}.intermediate.dense")
        wide = wide * (1 + _erf(wide / math.sqrt(2))) / 2
        x = _normalised(bert, x + _linear(bert, wide, f"{name}.output.dense"), f"{name}.output.LayerNorm")
    mean: Wide = x.mean(axis=0)
    return mean / math.sqrt(mean @ mean)


def _attention(bert: Bert, x: Wide, name: str) -> Wide:
    """What each token takes from all of them, head by head."""
    queries, keys, values = (_linear(bert, x, f"{name}.{part}") for part in ("query", "key", "value"))
    size = bert.hidden // bert.heads
    heads = []
    for head in range(bert.heads):
        columns = slice(head * size, (head + 1) * size)
        scores = queries[:, columns] @ keys[:, columns].T / math.sqrt(size)
        shares = np.exp(scores - scores.max(axis=1, keepdims=True))
        heads.append(shares / shares.sum(axis=1, keepdims=True) @ values[:, columns])
    return np.concatenate(heads, axis=1)


def _linear(bert: Bert, x: Wide, name: str) -> Wide:
    weight, bias = bert.pair(name)
    made: Wide = x @ weight.T.astype(np.float64) + bias
    return made


def _normalised(bert: Bert, x: Wide, name: str) -> Wide:
    weight, bias = bert.pair(name)
    centred = x - x.mean(axis=1, keepdims=True)
    made: Wide = centred / np.sqrt((centred**2).mean(axis=1, keepdims=True) + bert.epsilon) * weight + bias
    return made
