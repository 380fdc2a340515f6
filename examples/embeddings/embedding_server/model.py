"""The model: texts become tokens, tokens vectors."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

Array = NDArray[np.float32]

_TOGETHER = 512
"""Tokens that are computed at once: two of the longest texts, or many short ones. More are not faster, and a text's
memory grows with the square of its tokens."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """The vectors of texts, one in each row and of length 1, and how many tokens were read for them."""

    vectors: Array
    tokens: int


class Model:
    """A loaded model. It computes in the thread that calls it, and in `threads - 1` of its own.

    Args:
        folder: has `model.onnx` and `tokenizer.json`.
        threads: for one computation.
    """

    def __init__(self, folder: Path, *, threads: int) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads  # by itself it takes all of the node's, whatever the pod may use
        options.inter_op_num_threads = 1
        options.enable_cpu_mem_arena = False  # which keeps what the longest texts ever took
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # nor does a thread wait by computing
        self._session = onnxruntime.InferenceSession(folder / "model.onnx", options, providers=["CPUExecutionProvider"])
        about = self._session.get_modelmeta().custom_metadata_map
        self.name = about["name"]
        self.size = int(self._session.get_outputs()[0].shape[1])
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        # The file may ask for a fixed length, to which every text would be filled up.
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length=int(about["tokens"]))

    def embed(self, texts: Sequence[str]) -> Embedded:
        """The vectors, in the order of the texts; of a text that is too long, of its beginning."""
        encoded = [self._tokenizer.encode(text) for text in texts]
        vectors = np.empty((len(texts), self.size), dtype=np.float32)
        for places in _groups([len(one) for one in encoded]):
            vectors[places] = self._run([encoded[place] for place in places])
        return Embedded(vectors, sum(map(len, encoded)))

    def _run(self, encoded: Sequence[Encoding]) -> Array:
        """Fill texts up to the length of the longest; the mask says what does not count."""
        ids = np.zeros((len(encoded), max(map(len, encoded))), dtype=np.int64)
        mask = np.zeros_like(ids)
        for row, one in enumerate(encoded):
            ids[row, : len(one)] = one.ids
            mask[row, : len(one)] = 1
        vectors: Array = self._session.run(["embedding"], {"input_ids": ids, "attention_mask": mask})[0]
        return vectors


def _groups(lengths: Sequence[int]) -> Iterator[list[int]]:
    """The places of texts that are computed together: of similar length, so that little is filled up."""
    group: list[int] = []
    for place in sorted(range(len(lengths)), key=lengths.__getitem__):
        if (len(group) + 1) * lengths[place] > _TOGETHER and group:
            yield group
            group = []
        group.append(place)
    if group:
        yield group
