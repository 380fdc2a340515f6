"""Export a model: `python -m embedding_export FOLDER-OF-THE-MODEL FOLDER-TO-WRITE`."""

import hashlib
import json
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

from embedding_export import check
from embedding_export.bert import Array, load
from embedding_export.graph import build

NAME = "all-MiniLM-L6-v2"
# Those of sentence-transformers/all-MiniLM-L6-v2. Whoever packed the files cannot have changed them.
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}
# Some words, one token, the longest that the model takes, and what is not English.
TEXTS = ("The refund takes five days.", "yes", "A very long answer. " * 100, "Il ne faut pas fumer! 法国的首都是巴黎。")


def export(source: Path, target: Path) -> str:
    """Write `model.onnx`, the tokenizer and the model card; returns what was checked.

    Raises:
        ModelError: the model is of another kind.
        CheckError: a file is not the one it should be, or the graph does not compute what the model does.
    """
    for file, expected in SHA256.items():
        found = hashlib.sha256((source / file).read_bytes()).hexdigest()
        if found != expected:
            raise check.CheckError(f"{file} must have the SHA-256 {expected}, not {found}")
    bert = load(source)
    most = json.loads((source / "sentence_bert_config.json").read_text(encoding="utf-8"))["max_seq_length"]
    about = {
        "name": NAME,
        "tokens": str(most),
        "licence": "Apache-2.0",
        "source": f"converted from sentence-transformers/{NAME}, model.safetensors {SHA256['model.safetensors']}",
    }
    target.mkdir(parents=True, exist_ok=True)
    graph = target / "model.onnx"
    graph.write_bytes(build(bert, about=about).SerializeToString())
    shutil.copy(source / "tokenizer.json", target)
    shutil.copy(source / "README.md", target / "MODEL_CARD.md")

    tokenizer = Tokenizer.from_file(str(source / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length=most)
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])

    def tokenise(text: str) -> list[int]:
        return list(tokenizer.encode(text).ids)

    def embed(tokens: Sequence[Sequence[int]]) -> Array:
        longest = max(map(len, tokens))
        ids = np.array([[*text, *[0] * (longest - len(text))] for text in tokens], dtype=np.int64)
        mask = np.array([[1] * len(text) + [0] * (longest - len(text)) for text in tokens], dtype=np.int64)
        vectors: Array = session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
        return vectors

    numbers = check.against_forward(embed, bert, [tokenise(text) for text in TEXTS])
    cosines = check.against_published(embed, tokenise)
    return (
        f"{NAME}: {bert.layers} layers, vectors of {bert.hidden} numbers; they differ by at most {numbers:.1g} from the"
        f" forward pass, and {len(check.PUBLISHED)} cosines by at most {cosines:.1g} from the published ones"
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:  # noqa: PLR2004 (two folders)
        sys.exit(__doc__)
    print(export(Path(sys.argv[1]), Path(sys.argv[2])))
