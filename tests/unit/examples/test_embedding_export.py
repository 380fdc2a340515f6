"""The export of the example server of embeddings, with a tiny model: its graph, its weights, its checks.

The real model is checked by the export itself, whenever the image is built.
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from embedding_export import __main__ as exporting
from embedding_export import check
from embedding_export.bert import Bert, ModelError, load, tensors
from embedding_export.forward import forward
from embedding_server.model import Model

from tests.unit.examples.tiny_embeddings import (
    CAT,
    EPSILON,
    HEADS,
    HIDDEN,
    LONG,
    ONE,
    WEIGHTS,
    embedded,
    vector_of,
    write_tensors,
)


@pytest.mark.parametrize("tokens", [[CAT], [LONG], [ONE], [CAT, LONG, ONE]], ids=["short", "all", "one", "together"])
def test_the_graph_computes_what_the_model_does(folder: Path, source: Path, tokens: list[list[int]]) -> None:
    """A vector is that of plain loops, and so is that of the forward pass which the export trusts."""
    expected = np.array([vector_of(text) for text in tokens])

    assert np.abs(embedded(folder, tokens) - expected).max() < 1e-6
    assert np.abs(np.array([forward(load(source), text) for text in tokens]) - expected).max() < 1e-12


def test_a_text_has_the_same_vector_beside_a_longer_one(folder: Path) -> None:
    """What a text is filled up with does not shine through: its likeness depends on nothing but itself."""
    alone, beside = embedded(folder, [CAT])[0], embedded(folder, [CAT, LONG])[0]

    assert np.abs(alone - beside).max() < 1e-6
    assert np.abs(embedded(folder, [LONG])[0] - alone).max() > 0.01


def test_vectors_have_the_length_one(folder: Path) -> None:
    """Clients that only multiply get the cosine."""
    assert np.abs(np.linalg.norm(embedded(folder, [CAT, LONG, ONE]), axis=1) - 1).max() < 1e-6


@pytest.mark.parametrize(
    ("file", "change", "words"),
    [
        ("config.json", {"model_type": "roberta"}, "model_type must be bert, not roberta"),
        ("config.json", {"hidden_act": "relu"}, "hidden_act must be gelu, not relu"),
        ("config.json", {"position_embedding_type": "relative_key"}, "position_embedding_type must be absolute"),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": True}, "not pooling_mode_cls_token, pooling_mode_mean"),
        ("1_Pooling/config.json", {"pooling_mode_mean_tokens": False}, "must be pooling_mode_mean_tokens, not none"),
    ],
)
def test_another_kind_of_model_is_refused(
    source: Path, tmp_path: Path, file: str, change: dict[str, Any], words: str
) -> None:
    """A graph that is not the model's would give vectors without any error."""
    for name in ("config.json", "1_Pooling/config.json", "model.safetensors"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((source / name).read_bytes())
    (tmp_path / file).write_text(json.dumps(json.loads((tmp_path / file).read_text()) | change))

    with pytest.raises(ModelError, match=words):
        load(tmp_path)


def test_numbers_of_another_type_are_refused(tmp_path: Path) -> None:
    """Half-precision weights are not read as something else."""
    write_tensors(tmp_path / "model.safetensors", {"a": [1.0, 2.0]}, dtype="F16")

    with pytest.raises(ModelError, match="a must be 2 numbers of type F32, not 8 bytes of F16"):
        tensors(tmp_path / "model.safetensors")


def test_a_file_that_was_cut_off_is_refused(source: Path, tmp_path: Path) -> None:
    """Half a download is no model."""
    (tmp_path / "model.safetensors").write_bytes((source / "model.safetensors").read_bytes()[:-200])

    with pytest.raises(ModelError, match="must be"):
        tensors(tmp_path / "model.safetensors")


@pytest.mark.parametrize("name", sorted(WEIGHTS))
def test_every_weight_is_used(source: Path, folder: Path, name: str) -> None:
    """The check of the export fails when any weight of the model is not the graph's."""
    bert = load(source)
    changed = bert.weights[name] * np.float32(1.01)
    # All scores of a query move by the same with the key's bias, which the softmax takes out: that alone has no effect.
    without_effect = name.endswith("key.bias")

    def compare() -> float:
        return check.against_forward(
            lambda tokens: embedded(folder, tokens),
            Bert({**bert.weights, name: changed}, HEADS, EPSILON),
            [CAT, LONG, [2, 0, 1, 3]],
        )

    if without_effect:
        assert compare() < 1e-6
    else:
        with pytest.raises(check.CheckError, match=r"the graph differs by .* at most 1e-5 is allowed"):
            compare()


def test_a_vector_without_numbers_is_no_match(source: Path) -> None:
    """What is not a number is not close to anything."""
    with pytest.raises(check.CheckError, match="differs by nan"):
        check.against_forward(lambda tokens: np.full((len(tokens), HIDDEN), np.nan, np.float32), load(source), [CAT])


def published(monkeypatch: pytest.MonkeyPatch, source: Path, cosine: float | None = None) -> None:
    """Let the export expect the tiny model instead of the real one."""
    one, other = vector_of(CAT), vector_of([2, 6, 3])
    if cosine is None:
        cosine = round(sum(x * y for x, y in zip(one, other, strict=True)), 4)
    monkeypatch.setattr(check, "PUBLISHED", (("cat", "stone", cosine),))
    sums = {name: exporting.hashlib.sha256((source / name).read_bytes()).hexdigest() for name in exporting.SHA256}
    monkeypatch.setattr(exporting, "SHA256", sums)


def test_the_export_writes_what_the_server_reads(monkeypatch: pytest.MonkeyPatch, source: Path, tmp_path: Path) -> None:
    """A folder that has passed the checks can be served, with the card that says where it is from."""
    published(monkeypatch, source)

    said = exporting.export(source, tmp_path / "model")

    assert said.startswith("all-MiniLM-L6-v2: 2 layers, vectors of 8 numbers; they differ by at most ")
    assert (tmp_path / "model" / "MODEL_CARD.md").read_text() == "license: apache-2.0\n"
    model = Model(tmp_path / "model", threads=1)
    assert (model.name, model.size) == ("all-MiniLM-L6-v2", 8)
    assert np.abs(model.embed(["cat"]).vectors[0] - np.array(vector_of(CAT))).max() < 1e-6
    about = onnxruntime.InferenceSession(tmp_path / "model" / "model.onnx").get_modelmeta().custom_metadata_map
    assert about["licence"] == "Apache-2.0"


def test_another_cosine_than_the_published_ends_the_export(
    monkeypatch: pytest.MonkeyPatch, source: Path, tmp_path: Path
) -> None:
    """A tokenizer or a pooling that differs from the makers' is found out."""
    published(monkeypatch, source, cosine=0.123)

    with pytest.raises(check.CheckError, match=r"'cat' and 'stone' are \S+ alike, published is 0.1230"):
        exporting.export(source, tmp_path)


def test_other_weights_than_the_makers_end_the_export(source: Path, tmp_path: Path) -> None:
    """Whoever packs the model cannot change it."""
    with pytest.raises(check.CheckError, match=r"model\.safetensors must have the SHA-256 53aa51"):
        exporting.export(source, tmp_path)
