"""The example plugin, as a user meets it: installed, listed, checked, trained, removed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "ring-grpo"
SMALL = ["evaluation.samples=16", "train.prompts_per_iteration=2", "run.device=cpu", "run.threads=1"]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the installed example. Built from a copy, because a build leaves files behind."""
    source, target = tmp_path_factory.mktemp("source") / "ring-grpo", tmp_path_factory.mktemp("site")
    shutil.copytree(EXAMPLE, source, ignore=shutil.ignore_patterns("__pycache__"))
    if find_spec("pip") is not None:
        command = [sys.executable, "-m", "pip", "install", "--quiet"]
    elif (uv := shutil.which("uv")) is not None:
        command = [uv, "pip", "install", "--quiet", "--python", sys.executable]
    else:
        pytest.skip("neither pip nor uv is here")
    # Without isolation the build needs no network, but it needs the build backend.
    command += ["--no-build-isolation"] if find_spec("setuptools") is not None else []
    run([*command, "--no-deps", "--target", str(target), str(source)], Path.cwd())
    return target


def run(command: list[str], cwd: Path, *path: Path) -> str:
    """Standard output; fails with all that was printed unless the command ends well."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, (*path, ROOT))), "COLUMNS": "200"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd, env=environment, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def genrl(*arguments: str, cwd: Path, site: Path) -> str:
    return run([sys.executable, "-m", "genrl", *arguments], cwd, site)


def test_list_shows_what_it_registers_and_whose_it_is(site: Path, tmp_path: Path) -> None:
    for kind, name in (("perturber", "ring"), ("algorithm", "ring-grpo")):
        rows = [line.split() for line in genrl("list", kind, cwd=tmp_path, site=site).splitlines() if name in line.split()]
        assert rows, f"{name} is not listed"
        assert "ring-grpo" in rows[0]


@pytest.mark.parametrize("name", ["ring-grpo", "ring_grpo"])
def test_it_passes_its_checks_by_any_of_its_names(site: Path, tmp_path: Path, name: str) -> None:
    printed = genrl("check", name, cwd=tmp_path, site=site)
    assert "perturber ring" in printed
    assert "algorithm ring-grpo" in printed
    assert "0 failed" in printed


def test_its_own_tests_pass(site: Path, tmp_path: Path) -> None:
    shutil.copytree(EXAMPLE / "tests", tmp_path / "tests")
    run([sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests"], tmp_path, site)


def test_it_trains_the_embedded_model(site: Path, tmp_path: Path) -> None:
    settings = [part for setting in ("perturber.radius=0.3", *SMALL) for part in ("--set", setting)]
    folder = tmp_path / "run"
    genrl("train", "--algo", "ring-grpo", "--max-steps", "2", "--output", str(folder), *settings, cwd=tmp_path, site=site)
    assert "name: ring" in (folder / "config.yaml").read_text()
    assert "radius: 0.3" in (folder / "config.yaml").read_text()
    assert len((folder / "metrics.jsonl").read_text().splitlines()) >= 2


def test_once_removed_it_is_unknown(site: Path, tmp_path: Path) -> None:
    shutil.rmtree(site)
    assert "ring" not in genrl("list", "perturber", cwd=tmp_path, site=site).split()
    command = [sys.executable, "-m", "genrl", "train", "--algo", "ring-grpo", "--dry-run"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode != 0
    assert "no algorithm named 'ring-grpo'" in " ".join((done.stdout + done.stderr).split())
