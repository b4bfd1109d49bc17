from genrl.scenes.folder import MODEL_FOLDER, load_folder, sample
from genrl.scenes.pretrain import evaluate
from genrl.scenes.scorer import score


def test_the_shipped_folder_is_small():
    assert sum(file.stat().st_size for file in MODEL_FOLDER.rglob("*") if file.is_file()) <= 8e6


def test_the_shipped_model_is_able_but_mediocre():
    prompts = evaluate.evaluation_prompts()
    scores = score(prompts, sample(load_folder(), prompts, 16, seed=0))
    assert 0.35 < scores.strict.mean() < 0.65
    assert scores.correctness.mean() > 0.6
    assert 0.2 < scores.quality.mean() < 0.6
