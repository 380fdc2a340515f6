"""The encoder as an ONNX graph: tokens and their mask go in, one vector of length 1 for each text comes out."""

import math
from collections.abc import Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from embedding_export.bert import Array, Bert

OPSET = 20  # the first with Gelu
_IR_VERSION = 9  # that of opset 20: newer ones say nothing more here, and older runtimes refuse them
_MASKED = -1e9  # added to a score that must not count: exactly 0 after the softmax


class _Graph:
    """Nodes in the order in which they are computed, and constants."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, value: np.ndarray) -> str:
        """Keep an array; returns its name."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def number(self, value: float) -> str:
        """Keep a number."""
        return self.constant(np.array(value, dtype=np.float32))

    def integers(self, *values: int) -> str:
        """Keep a list of integers."""
        return self.constant(np.array(values, dtype=np.int64))

    def add(self, operator: str, *inputs: str, **attributes: float | str | list[int]) -> str:
        """Append a node; returns the name of its result."""
        name = f"{operator}_{len(self.nodes)}"
        node = helper.make_node(operator, list(inputs), [name], name=name)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
        self.nodes.append(node)
        return name

    def linear(self, x: str, weight: Array, bias: Array) -> str:
        """Append a linear layer, whose weight has a row for each output."""
        return self.add("Add", self.add("MatMul", x, self.constant(weight.T)), self.constant(bias))

    def normalised(self, x: str, weight: Array, bias: Array, *, epsilon: float) -> str:
        """Append a layer normalisation."""
        return self.add("LayerNormalization", x, self.constant(weight), self.constant(bias), axis=-1, epsilon=epsilon)


def build(bert: Bert, *, about: Mapping[str, str]) -> onnx.ModelProto:
    """Make the graph.

    Inputs are `input_ids` and `attention_mask`, both integers of the shape (texts, tokens); the result is `embedding`,
    of the shape (texts, hidden). Texts and tokens may be any number, up to the positions that the model knows.

    Args:
        bert: the encoder.
        about: what is kept in the file: where the weights are from, and their licence.
    """
    graph = _Graph()
    mask = graph.add("Cast", "attention_mask", to=TensorProto.FLOAT)  # (texts, tokens)
    absent = graph.add("Mul", graph.add("Sub", graph.number(1), mask), graph.number(_MASKED))
    absent = graph.add("Unsqueeze", absent, graph.integers(1, 2))  # (texts, 1, 1, tokens), for all heads and rows

    x = _embedded(graph, bert)
    for layer in range(bert.layers):
        x = _layer(graph, bert, x, absent, name=f"encoder.layer.{layer}")
    _pooled(graph, x, mask)

    shape = ["texts", "tokens"]
    made = helper.make_graph(
        graph.nodes,
        "sentence_transformer",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info("embedding", TensorProto.FLOAT, ["texts", bert.hidden])],
        graph.constants,
    )
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=_IR_VERSION)
    helper.set_model_props(model, dict(about))
    onnx.checker.check_model(model, full_check=True)
    return model


def _embedded(graph: _Graph, bert: Bert) -> str:
    """Words, positions and the one type of token that a single text has."""
    positions = bert.weights["embeddings.position_embeddings.weight"]
    positions = positions + bert.weights["embeddings.token_type_embeddings.weight"][0]
    words = graph.add("Gather", graph.constant(bert.weights["embeddings.word_embeddings.weight"]), "input_ids")
    tokens = graph.add("Shape", "input_ids", start=1)
    places = graph.add("Slice", graph.constant(positions), graph.integers(0), tokens, graph.integers(0))
    x = graph.add("Add", words, places)
    return graph.normalised(x, *bert.pair("embeddings.LayerNorm"), epsilon=bert.epsilon)


def _layer(graph: _Graph, bert: Bert, x: str, absent: str, *, name: str) -> str:
    """Every token looks at every other; then each for itself."""
    scale = 1 / math.sqrt(bert.hidden // bert.heads)
    split = graph.integers(0, 0, bert.heads, -1)  # 0: as it is

    def heads(part: str, *, order: list[int]) -> str:
        made = graph.linear(x, *bert.pair(f"{name}.attention.self.{part}"))
        return graph.add("Transpose", graph.add("Reshape", made, split), perm=order)

    queries, keys, values = (
        heads("query", order=[0, 2, 1, 3]),
        heads("key", order=[0, 2, 3, 1]),
        heads("value", order=[0, 2, 1, 3]),
    )
    scores = graph.add("Mul", graph.add("MatMul", queries, keys), graph.number(scale))
    shares = graph.add("Softmax", graph.add("Add", scores, absent), axis=-1)
    seen = graph.add("Transpose", graph.add("MatMul", shares, values), perm=[0, 2, 1, 3])
    seen = graph.linear(
        graph.add("Reshape", seen, graph.integers(0, 0, -1)), *bert.pair(f"{name}.attention.output.dense")
    )
    x = graph.normalised(
        graph.add("Add", x, seen), *bert.pair(f"{name}.attention.output.LayerNorm"), epsilon=bert.epsilon
    )
    wide = graph.add("Gelu", graph.linear(x, *bert.pair(f"{name}.intermediate.dense")), approximate="none")
    narrow = graph.linear(wide, *bert.pair(f"{name}.output.dense"))
    return graph.normalised(graph.add("Add", x, narrow), *bert.pair(f"{name}.output.LayerNorm"), epsilon=bert.epsilon)


def _pooled(graph: _Graph, x: str, mask: str) -> None:
    """The mean over the tokens that are there, at length 1."""
    there = graph.add("Unsqueeze", mask, graph.integers(2))
    total = graph.add("ReduceSum", graph.add("Mul", x, there), graph.integers(1), keepdims=0)
    count = graph.add("Max", graph.add("ReduceSum", mask, graph.integers(1), keepdims=1), graph.number(1e-9))
    mean = graph.add("Div", total, count)
    length = graph.add("Max", graph.add("ReduceL2", mean, graph.integers(1), keepdims=1), graph.number(1e-12))
    graph.nodes.append(helper.make_node("Div", [mean, length], ["embedding"], name="embedding"))
