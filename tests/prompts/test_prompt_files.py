"""Every kind of source gives the same prompts and columns, and every bad one a sentence that names the cure."""

import json
from dataclasses import dataclass

import datasets
import pytest

from genrl.errors import PromptError
from genrl.prompts import load_prompts
from genrl.registry import register

ROWS = [{"prompt": "a cat", "answer": "1"}, {"prompt": "a dog", "answer": "2"}, {"prompt": "a bird", "answer": "3"}]


def write_rows(folder, form):
    path = folder / f"prompts.{form}"
    if form == "jsonl":
        path.write_text("\n".join(map(json.dumps, ROWS)))
    elif form == "json":
        path.write_text(json.dumps(ROWS))
    elif form == "csv":
        path.write_text("prompt,answer\n" + "".join(f"{row['prompt']},n{row['answer']}\n" for row in ROWS))
    else:
        datasets.Dataset.from_list(ROWS).to_parquet(path)
    return path


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize("form", ["jsonl", "json", "csv", "parquet"])
def test_tables(tmp_path, form, streaming):
    drawn = load_prompts(str(write_rows(tmp_path, form)), shuffle=False, streaming=streaming).draw(0, 3)
    prefix = "n" if form == "csv" else ""
    assert [p.text for p in drawn] == ["a cat", "a dog", "a bird"]
    assert [p.columns for p in drawn] == [{"answer": f"{prefix}{k}"} for k in (1, 2, 3)]
    assert [p.index for p in drawn] == [0, 1, 2]


@pytest.mark.parametrize("streaming", [False, True])
def test_text_file_has_one_prompt_a_line(tmp_path, streaming):
    path = tmp_path / "prompts.txt"
    path.write_bytes(b"a cat\r\na dog\n")
    drawn = load_prompts(str(path), shuffle=False, streaming=streaming).draw(0, 2)
    assert [(p.text, p.columns) for p in drawn] == [("a cat", {}), ("a dog", {})]


def test_directory_with_split_words(tmp_path):
    for name, text in {"data/train-0.txt": "one", "data/train-1.txt": "two", "my-held-out.txt": "three"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text + "\n")
    (tmp_path / "README.md").write_text("not a prompt")
    assert [p.text for p in load_prompts(str(tmp_path), shuffle=False).draw(0, 2)] == ["one", "two"]
    assert len(load_prompts(str(tmp_path), split="heldout")) == 1
    with pytest.raises(PromptError, match=r"Split 'test'.*\['train', 'heldout'\]"):
        load_prompts(str(tmp_path), split="test")


def test_slices_of_a_split(jsonl):
    assert len(load_prompts(jsonl(ROWS), split="train[:2]")) == 2


def test_hub_ids_go_to_datasets(monkeypatch):
    asked = {}

    def load_dataset(path, **options):
        asked.update(options, path=path)
        return datasets.Dataset.from_list(ROWS)

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert len(load_prompts("owner/name", revision="v1")) == 3
    assert asked == {"path": "owner/name", "split": "train", "streaming": False, "revision": "v1"}


def test_unreachable_hub_is_named(monkeypatch):
    def load_dataset(path, **options):
        raise ConnectionError(f"Couldn't reach '{path}' on the Hub")

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    with pytest.raises(PromptError, match=r"owner/name cannot be read .*Couldn't reach"):
        load_prompts("owner/name")


@pytest.mark.parametrize("streaming", [False, True])
def test_registered_name(streaming):
    @register("prompts", "toys")
    @dataclass(frozen=True)
    class Toys:
        def rows(self, split):
            return [{"prompt": f"{split} {k}", "k": k} for k in range(4)]

    drawn = load_prompts("toys", split="heldout", shuffle=False, streaming=streaming).draw(2, 1)
    assert (drawn[0].text, drawn[0].columns) == ("heldout 2", {"k": 2})
    with pytest.raises(PromptError, match=r"did you mean 'toys'"):
        load_prompts("tois")


@pytest.mark.parametrize("streaming", [False, True])
def test_columns(jsonl, streaming):
    both = jsonl([{"text": "t", "prompt": "p"}], "both.jsonl")
    assert load_prompts(both, streaming=streaming).draw(0, 1)[0].columns == {"text": "t"}
    assert load_prompts(both, column="text", streaming=streaming).draw(0, 1)[0].text == "t"
    with pytest.raises(PromptError, match=r"no column 'caption'; it has 'text', 'prompt'"):
        load_prompts(both, column="caption", streaming=streaming)
    with pytest.raises(PromptError, match=r"no column 'prompt' or 'text' or 'request'; it has 'caption', 'n'"):
        load_prompts(jsonl([{"caption": "c", "n": 1}], "captions.jsonl"), streaming=streaming)


@pytest.mark.parametrize("streaming", [False, True])
def test_conversations_give_the_last_user_message(jsonl, streaming):
    def message(role, content):
        return {"role": role, "content": content}

    plain = [message("user", "first"), message("assistant", "ok"), message("user", "last")]
    assert load_prompts(jsonl([{"prompt": plain}], "a.jsonl"), streaming=streaming).draw(0, 1)[0].text == "last"
    parts = [message("user", [{"type": "text", "text": "in parts"}])]
    assert load_prompts(jsonl([{"prompt": parts}], "b.jsonl"), streaming=streaming).draw(0, 1)[0].text == "in parts"
    with pytest.raises(PromptError, match=r"Row 1 of .*without a message of the user"):
        load_prompts(jsonl([{"prompt": [message("system", "x")]}], "c.jsonl")).draw(0, 1)
    with pytest.raises(PromptError, match=r"Row 1 of .*not {role, content} messages"):
        load_prompts(jsonl([{"prompt": ["x", "y"]}], "d.jsonl")).draw(0, 1)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"prompt": "a"}, {"prompt": "  "}], "Row 2 of .* has an empty prompt"),
        ([{"prompt": "a"}, {"prompt": None}], "Row 2 of .* has an empty prompt"),
        ([{"prompt": 3}, {"prompt": 4}], r"Row 1 of .* has 3 \(int\) for a prompt"),
    ],
)
def test_bad_prompts_name_their_row(jsonl, rows, message):
    with pytest.raises(PromptError, match=message):
        load_prompts(jsonl(rows))
    with pytest.raises(PromptError, match=message):
        load_prompts(jsonl(rows), streaming=True, shuffle=False).draw(0, 2)


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.txt", None, "no file or directory .*none.txt"),
        ("empty.txt", "", "empty.txt is empty"),
        ("empty.csv", "", "empty.csv is empty"),
        ("blank.jsonl", "\n \n", "blank.jsonl is empty"),
        ("header.csv", "prompt,n\n", "header.csv (cannot be read|has no rows).*at least one"),
        ("broken.jsonl", '{"prompt": "x"\n no', "broken.jsonl cannot be read .*JSON"),
        ("broken.csv", 'prompt\n"abc\n', "broken.csv cannot be read .*Error tokenizing"),
        ("broken.parquet", "zzz", "broken.parquet cannot be read .*Parquet"),
        ("prompts.docx", "x", r"no prompt file; known are .txt, .jsonl"),
    ],
)
def test_bad_files(tmp_path, name, content, message, streaming):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(PromptError, match=message):
        load_prompts(str(tmp_path / name), streaming=streaming)


def test_bad_directories(tmp_path):
    with pytest.raises(PromptError, match=r"holds no prompt file"):
        load_prompts(str(tmp_path))
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.csv").write_text("prompt\nb\n")
    with pytest.raises(PromptError, match=r"mixes csv and text files"):
        load_prompts(str(tmp_path))
