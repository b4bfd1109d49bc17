"""The page of a run: self-contained, complete, equal to the files, safe with any text, and there for every kind of run."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genrl.errors import RunFolderError
from genrl.report import read_run, write_report
from genrl.statistics import bootstrap
from tests.report.reading import Page
from tests.run_folders import PROMPTS, values, write_run

HOSTILE = '</script><script>alert(1)</script><img src=https://evil.example/x onerror=\'alert(2)\'>"><b onclick="alert(3)">&amp;'


def page_of(folder: Path) -> Page:
    return Page(write_report(folder).read_text(encoding="utf-8"))


def per_sample(folder: Path, step: int, name: str) -> np.ndarray:
    return np.array(json.loads((folder / "evaluations" / f"step-{step:06d}.json").read_text())[name])


def signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "\N{MINUS SIGN}")


def pixel(uri: str | None) -> tuple[int, ...]:
    assert uri is not None
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
        found = image.convert("RGB").getpixel((5, 5))
    assert isinstance(found, tuple)
    return found


def assert_nothing_is_loaded(page: Page) -> None:
    sources = [value or "" for _, attributes in page.tags for key, value in attributes.items() if key in ("src", "href")]
    assert all(source.startswith("data:image/webp;base64,") for source in sources)
    assert {tag for tag, _ in page.tags}.isdisjoint({"link", "iframe", "object", "embed", "base", "form", "a"})
    style = "".join(page.within("style"))
    assert "url(" not in style
    assert "@import" not in style


def assert_only_own_code_runs(page: Page) -> None:
    """One script and one style, each named by its hash in a policy that allows nothing else."""
    (policy,) = [tag["content"] for tag in page.all("meta") if tag.get("http-equiv") == "Content-Security-Policy"]
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", page.source, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in (policy or "")
    assert (policy or "").startswith("default-src 'none'; img-src data:;")
    assert [key for _, attributes in page.tags for key in attributes if key.startswith("on") or key == "style"] == []


def test_everything_is_inside_and_nothing_is_loaded(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path / "run"))
    assert_nothing_is_loaded(page)
    assert_only_own_code_runs(page)
    assert "://" not in page.source


def test_headline_is_that_of_the_files(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    page = page_of(folder)
    before, after = per_sample(folder, 0, "reward"), per_sample(folder, 4, "reward")
    change = bootstrap(after - before)
    assert page.within("p.hero") == [f"{before.mean():.3f}", "→", f"{after.mean():.3f}"]
    assert page.within("p.change higher") == [signed(change.mean), f"{signed(change.low)} to {signed(change.high)}"]
    assert change.mean == pytest.approx(0.08, abs=0.01)
    strict = per_sample(folder, 4, "scenes/strict") - per_sample(folder, 0, "scenes/strict")
    beside = " ".join(page.within("p.beside"))
    assert beside.startswith("scenes/strict beside it")
    assert signed(strict.mean()) in beside


def test_every_evaluation_is_in_the_table(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", steps=6, asked=6)
    cells = page_of(folder).within("table")
    names = ["reward", "scenes/quality", "scenes/strict"]
    assert cells[:4] == ["iteration", *names]
    expected = []
    for step in (0, 2, 4, 6):
        expected.append(str(step))
        for name in names:
            interval = bootstrap(per_sample(folder, step, name))
            expected += [f"{interval.mean:.3f}", f"{interval.low:.3f} to {interval.high:.3f}"]
    assert cells[4:] == expected


def test_cost_is_the_sum_of_the_rows(tmp_path: Path) -> None:
    stats = page_of(write_run(tmp_path / "run")).within("dl.stats")
    assert stats[1] == f"{4 * (96 + 5 + 24)}"
    assert stats[2].startswith(f"{4 * 24} of them with gradient, {4 * 5} under the reference weights")
    assert "18 s" in stats  # 3 + 4 + 5 + 6
    assert "4.5 s" in stats


def test_what_was_run_is_told(tmp_path: Path) -> None:
    text = " ".join(text for _, text in page_of(write_run(tmp_path / "run")).text)
    for part in ("arXiv:2511.16955", "neighborhood(sigma=0.3)", "weight 1", "2.13.0", "a laptop", "1234", "max_steps: 4"):
        assert part in text, part


def test_card_of_the_last_evaluation_is_told(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    for step, steps in ((0, 7), (4, 28)):
        card = {"solver": "heun", "steps": steps, "rewards": {"scenes": {"weight": 1.0, "version": "abc"}}, "shift": None}
        (folder / "evaluations" / f"card-{step:06d}.json").write_text(json.dumps(card | {"made_with": {"torch": "0"}}))
    told = page_of(folder).within("div.settings")
    start = told.index("Eval card")
    expected = ["solver", "heun", "steps", "28", "rewards", "scenes(weight=1.0, version=abc)", "shift", "none", "Seeds"]
    assert told[start + 1 : start + 10] == expected


def test_when_it_was_is_told_as_far_as_it_is_known(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    os.utime(folder / "metrics.jsonl", (1e9, 1e9))
    assert "last number 2001-09-09 01:46 UTC" in page_of(folder).within("p.facts")[-1]
    with (folder / "environment.yaml").open("a") as file:
        file.write("started: '2001-09-08T23:00:00+00:00'\n")
    assert "started 2001-09-08 23:00, last number 2001-09-09 01:46 UTC" in page_of(folder).within("p.facts")[-1]


def test_pictures_are_one_frame_an_evaluation_with_their_prompts(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path / "run"))
    assert [tag["data-step"] for tag in page.all("div") if "data-step" in tag] == ["0", "2", "4"]
    images = page.all("img")
    assert [image["alt"] for image in images] == [*PROMPTS] * 3
    brightness = [pixel(image["src"])[0] for image in images[::3]]
    assert brightness == pytest.approx([255 * 0.2, 255 * 0.3, 255 * 0.4], abs=3)


def test_hostile_text_stays_text(tmp_path: Path) -> None:
    reward = tmp_path / "hostile.py"
    reward.write_text("def score(prompts, completions, **columns): return [0.0] * len(prompts)\n")
    folder = write_run(
        tmp_path / "run",
        prompts=[HOSTILE, *PROMPTS[1:]],
        config={"rewards": [{"name": f"{HOSTILE}.py:score"}], "prompts": {"source": HOSTILE}, "model": {"path": HOSTILE}},
        values=lambda step: values(step) | {f"{HOSTILE}/metric": values(step)["reward"]},
    )
    (folder / "alarms.jsonl").write_text(json.dumps({"step": 2, "name": HOSTILE, "sentence": HOSTILE}) + "\n")
    page = page_of(folder)
    assert_nothing_is_loaded(page)
    assert_only_own_code_runs(page)
    assert all("onclick" not in attributes for attributes in page.all("b"))
    assert page.all("img")[0]["alt"] == HOSTILE
    assert " ".join(HOSTILE.split()) in page.within("figcaption")
    assert " ".join(HOSTILE.split()) in page.within("li")


def test_alarms_are_shown_if_the_run_kept_watch(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    assert "Alarms" not in page_of(folder).within("h2")
    (folder / "alarms.jsonl").write_text("")
    assert "None was raised." in page_of(folder).within("section")
    (folder / "alarms.jsonl").write_text('{"step": 2, "name": "collapse", "sentence": "All alike."}\n')
    page = page_of(folder)
    assert page.within("ul.alarms") == ["Step 2: collapse", "All alike."]
    assert len([line for line in page.all("line") if line["class"] == "mark"]) == 2  # in the wide and the narrow chart


def test_run_that_was_killed_before_its_first_evaluation(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", steps=0, asked=10, every=0)
    (folder / "environment.yaml").unlink()
    page = page_of(folder)
    assert "The run has not been evaluated yet." in page.within("section")
    assert "0 of 10 iterations" in " ".join(page.within("p.facts"))
    assert page.all("svg") == []


def test_run_with_one_evaluation_claims_no_change(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path / "run", steps=1, asked=10, every=20))
    assert page.within("p.hero") == [f"{values(0)['reward'].mean():.3f}"]
    assert page.within("p.change") == []


def test_run_that_was_killed_while_it_wrote(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run", steps=3, asked=10, every=2)
    with (folder / "metrics.jsonl").open("a") as file:
        file.write('{"step": 4, "rew')
    page = page_of(folder)
    assert "3 of 10 iterations" in " ".join(page.within("p.facts"))
    assert page.within("p.hero")[-1] == f"{values(2)['reward'].mean():.3f}"


def test_run_without_pictures(tmp_path: Path) -> None:
    page = page_of(write_run(tmp_path / "run", prompts=[], pictures=lambda step: torch.zeros(0, 3, 16, 16)))
    assert page.all("img") == []
    assert "Pictures" not in page.within("h2")
    assert len(page.within("p.hero")) == 3


def test_video_run_shows_its_middle_frames(tmp_path: Path) -> None:
    shades = torch.tensor([0.0, 0.25, 0.5, 0.75, 1.0])
    videos = shades[None, :, None, None, None].expand(3, 5, 3, 16, 16)
    page = page_of(write_run(tmp_path / "run", pictures=lambda step: videos))
    assert pixel(page.all("img")[0]["src"])[0] == pytest.approx(128, abs=3)


def test_grid_that_does_not_say_where_its_pictures_are_is_shown_whole(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "run")
    for path in (folder / "grids").iterdir():
        Image.new("RGB", (1590, 462), "red").save(path)
    images = page_of(folder).all("img")
    assert [(image["width"], image["height"]) for image in images] == [("1280", "372")] * 3


def test_long_run_makes_no_large_page(tmp_path: Path) -> None:
    """Pictures that do not compress, more evaluations than are shown, more iterations than a line has points."""
    noise = torch.rand(16, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    prompts = [f"prompt {i} " * 10 for i in range(16)]
    folder = write_run(tmp_path / "run", steps=700, asked=700, every=50, prompts=prompts, pictures=lambda step: noise)
    path = write_report(folder)
    assert path.stat().st_size < 3e6
    page = Page(path.read_text())
    steps = [int(tag["data-step"] or 0) for tag in page.all("div") if "data-step" in tag]
    assert 2 <= len(steps) < 12
    assert (steps[0], steps[-1]) == (0, 700)
    assert f"{len(steps)} of the 15 evaluations are shown" in " ".join(page.within("p.lead"))


def test_damage_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="There is no run in"):
        write_report(tmp_path)
    folder = write_run(tmp_path / "run")
    (folder / "evaluations" / "step-000002.json").write_text('{"reward": [0.1,')
    with pytest.raises(RunFolderError, match=r"step-000002\.json is damaged"):
        write_report(folder)
    assert not (folder / "report.html").exists()


def test_state_is_what_the_folder_lets_one_guess(tmp_path: Path) -> None:
    assert read_run(write_run(tmp_path / "finished")).state == "finished"
    folder = write_run(tmp_path / "going", steps=2, asked=4)
    assert read_run(folder).state == "running?"
    os.utime(folder / "metrics.jsonl", (0, 0))
    assert read_run(folder).state == "stopped"
    assert ">running?<" not in write_report(folder, "stopped").read_text()
