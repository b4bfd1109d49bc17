"""Text encodings on disk are the ones that were put there, and go with the model."""

import gc

import pytest
import torch

from genrl.models import DiffusersModel
from genrl.models.text_cache import Encodings
from genrl.models.text_store import StoredRows
from tests.tiny_pipelines import PROMPTS, build

CPU = torch.device("cpu")


def test_rows_come_back_as_they_were(tmp_path):
    whole = torch.arange(12.0).view(3, 4)
    row = (whole[:, :2], whole[:, 2:], [torch.ones(2, dtype=torch.bfloat16), torch.ones(1, dtype=torch.bool)], None, 3, 0.5, [])
    rows = StoredRows(tmp_path)
    rows["a cat"] = row
    rows["ä 猫 " * 200] = (torch.zeros(1),)
    left, right, (half, flag), *rest = rows["a cat"]
    assert torch.equal(left, row[0])
    assert torch.equal(right, row[1])
    assert torch.equal(half, row[2][0])
    assert half.dtype == torch.bfloat16
    assert torch.equal(flag, row[2][1])
    assert rest == [None, 3, 0.5, []]
    assert "a cat" in rows
    assert "a dog" not in rows
    assert len(rows) == 2


def test_files_go_with_the_rows(tmp_path):
    rows = StoredRows(tmp_path)
    rows["a cat"] = (torch.ones(3),)
    assert [path.suffix for path in tmp_path.rglob("*.*")] == [".safetensors"]
    del rows
    gc.collect()
    assert list(tmp_path.iterdir()) == []


def test_negative_outputs_are_not_stored_with_each_text(tmp_path):
    negative = torch.randn(1, 1000)

    def encode(texts, guided):
        return torch.tensor([[float(len(text))] for text in texts]), negative.repeat(len(texts), 1) if guided else None

    encodings = Encodings(lambda texts: encode(texts, True), lambda texts: encode(texts, False), StoredRows(tmp_path))
    encodings.add(["a cat"])
    assert max(path.stat().st_size for path in tmp_path.rglob("*.safetensors")) < 1000
    lengths, shared = encodings.batch(("a cat", "a"), CPU)
    assert lengths.tolist() == [[5.0], [1.0]]
    assert torch.equal(shared, negative.repeat(2, 1))


@pytest.mark.parametrize("family", ["prx", "sd3", "flux-true-cfg", "qwen", "z-image", "sana"])
def test_numbers_stay(family, tmp_path):
    answers = []
    for encodings in (None, tmp_path):
        tiny = build(family)
        model = DiffusersModel(tiny.pipe, tiny.call, encodings=encodings)
        condition, _ = model.encode([*PROMPTS, PROMPTS[0]])
        x = torch.randn(3, *model.latent_shape(), generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            answers.append(model.velocity(x, 0.5, condition))
    assert torch.equal(*answers)
    assert len(list(tmp_path.rglob("*.safetensors"))) >= len(PROMPTS)
