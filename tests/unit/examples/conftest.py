"""The tiny model of embeddings, made once for the tests of its export and of its server; both import the example."""

import json
import sys
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

from tests.unit.examples.tiny_embeddings import CONFIG, EXAMPLE, MOST, WEIGHTS, WORDS, write_tensors

sys.path.insert(0, str(EXAMPLE))

from embedding_export.bert import load
from embedding_export.graph import build
from embedding_server.model import Model


@pytest.fixture(scope="session")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model as sentence-transformers stores it; its tokenizer fills up and cuts off, as the real one's file asks."""
    folder = tmp_path_factory.mktemp("source")
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        '{"pooling_mode_cls_token": false, "pooling_mode_mean_tokens": true}'
    )
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": MOST}))
    (folder / "README.md").write_text("license: apache-2.0\n")
    write_tensors(folder / "model.safetensors", WEIGHTS)
    tokenizer = Tokenizer(models.WordPiece({word: place for place, word in enumerate(WORDS)}, unk_token="[UNK]"))  # noqa: S106
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.enable_padding(length=6)
    tokenizer.enable_truncation(max_length=6)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="session")
def folder(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the server reads."""
    made = tmp_path_factory.mktemp("model")
    graph = build(load(source), about={"name": "tiny", "tokens": str(MOST)})
    (made / "model.onnx").write_bytes(graph.SerializeToString())
    (made / "tokenizer.json").write_bytes((source / "tokenizer.json").read_bytes())
    return made


@pytest.fixture(scope="session")
def model(folder: Path) -> Model:
    """The loaded model."""
    return Model(folder, threads=1)
