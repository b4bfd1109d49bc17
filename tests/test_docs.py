"""The documentation says what the code does: names exist, constants match, quotations are literal, snippets run."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from genrl import registry
from genrl.config import resolve, to_plain
from genrl.config.resume import flat
from genrl.policy import COUNTED
from genrl.registry import entries, load_plugins
from tests.test_architecture import FLOORS

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
ALGORITHM_PAGES = sorted((ROOT / "docs" / "algorithms").glob("*.md"))
load_plugins()
RECIPES = sorted(name for name, found in entries("algorithm").items() if found.origin.startswith("genrl."))

PATH = re.compile(r"(?<![\w/.-])((?:genrl|tests|docs|benchmarks|examples)/[\w./-]*[\w/])(?::([A-Za-z_][\w.]*))?")
LINK = re.compile(r"\]\(([^)\s#]*)(?:#([\w-]+))?\)")
LINES = re.compile(r"`([\w/]+\.py)(?::([\w.]+))?`[^|`]*\| (\d+) \|")
RUNNABLE = re.compile(r"<!-- runnable -->\n```python\n(.*?)```", re.DOTALL)
QUOTED = re.compile(r"<!-- quoted from (\S+) -->\n```python\n(.*?)```", re.DOTALL)
SETTING = re.compile(r"`([a-z_]+(?:\.[\w-]+)*=[^`]+)`")


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


every_page = pytest.mark.parametrize("page", PAGES, ids=name_of)


@cache
def definitions(path: Path) -> dict[str, int]:
    """Dotted names of the classes, functions and assigned names of a Python file, with the number of their lines."""
    return dict(_defined(ast.parse(read(path)).body, ""))


def _defined(body: list[ast.stmt], prefix: str) -> Iterator[tuple[str, int]]:
    for node in body:
        lines = (node.end_lineno or node.lineno) - node.lineno + 1
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield prefix + node.name, lines
            yield from _defined(node.body, f"{prefix}{node.name}.")
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            yield from ((prefix + target.id, lines) for target in targets if isinstance(target, ast.Name))


@every_page
def test_every_path_and_function_exists(page: Path) -> None:
    for path, function in PATH.findall(read(page)):
        assert (ROOT / path).exists(), f"{name_of(page)} names {path}, which does not exist"
        if function:
            assert function in definitions(ROOT / path), f"{name_of(page)} names {path}:{function}"


@every_page
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(read(page)):
        if "://" in target:
            continue
        found = (page.parent / target) if target else page
        assert found.exists(), f"{name_of(page)} links to {target}"
        if anchor:
            headings = re.findall(r"^#+ (.*)$", read(found), re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in headings}
            assert anchor in slugs, f"{name_of(page)} links to #{anchor} of {found.name}"


@every_page
def test_lines_are_short(page: Path) -> None:
    """Tables aside, which have one line a row; README has commands and badges."""
    long = [line for line in read(page).splitlines() if len(line) > 128 and not line.startswith("|")]
    assert not long or page.name == "README.md"


@every_page
def test_line_counts_are_about_right(page: Path) -> None:
    for path, function, count in LINES.findall(read(page)):
        lines = definitions(ROOT / path)[function] if function else len(read(ROOT / path).splitlines())
        assert abs(lines - int(count)) <= max(3, 0.15 * lines), f"{path}:{function} has {lines} lines, not {count}"


@pytest.mark.parametrize("floor", FLOORS)
def test_floors_are_those_of_the_house(floor: int) -> None:
    (row,) = re.findall(rf"^\| {floor} \| (.*)$", read(ROOT / "docs" / "architecture.md"), re.MULTILINE)
    rooms = {room for room in FLOORS[floor].split() if not room.startswith("_")}
    assert set(re.findall(r"`genrl/(\w+)(?:/|\.py)`", row)) == rooms


@every_page
def test_quotations_are_literal(page: Path) -> None:
    for path, block in QUOTED.findall(read(page)):
        source = {bare(line) for line in read(ROOT / path).splitlines()}
        strange = [line for line in block.splitlines() if bare(line) and bare(line) not in source]
        assert not strange, f"{name_of(page)} quotes lines that are not in {path}"


def bare(line: str) -> str:
    """Without indentation and comment."""
    return line.split("  #")[0].strip()


SNIPPETS = [(page, index, code) for page in PAGES for index, code in enumerate(RUNNABLE.findall(read(page)))]


@pytest.mark.parametrize(("page", "index", "code"), SNIPPETS, ids=[f"{name_of(p)}-{i}" for p, i, _ in SNIPPETS])
def test_snippets_run(page: Path, index: int, code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # What a snippet registers must not outlive it.
    monkeypatch.setattr(registry, "_tables", {kind: dict(table) for kind, table in registry._tables.items()})
    module = ModuleType(f"snippet_{page.stem}_{index}".replace("-", "_"))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(compile(code, f"{name_of(page)}, snippet {index}", "exec"), module.__dict__)


@cache
def constants(recipe: str) -> tuple[str, ...]:
    """The settings in the tables of a recipe's page: of `recipe` and, above it, of the recipe from which it differs."""
    for page in ALGORITHM_PAGES:
        tables = re.findall(r"^\| `([a-z-]+)`[^|]*\| source \|\n((?:\|.*\n)+)", read(page), re.MULTILINE)
        names = [name for name, _ in tables]
        if recipe in names:
            own = [rows for name, rows in tables if name in (names[0], recipe)]
            return tuple(SETTING.findall("".join(re.sub(r"\|[^|]*\|$", "|", rows, flags=re.MULTILINE) for rows in own)))
    raise AssertionError(f"No page of docs/algorithms has a table of the constants of {recipe}")


@pytest.mark.parametrize("recipe", RECIPES)
def test_constants_are_those_of_the_recipe(recipe: str) -> None:
    """Given as --set, a page's settings change nothing about its recipe, and they turn others of its family into it."""
    expected = resolve(recipe, preset="none")
    assert resolve(recipe, preset="none", sets=constants(recipe)) == expected
    for other in RECIPES:
        if type(resolve(other, preset="none").algorithm) is type(expected.algorithm):
            assert resolve(other, preset="none", sets=constants(recipe)).algorithm == expected.algorithm


@pytest.mark.parametrize("recipe", RECIPES)
def test_constants_are_complete(recipe: str) -> None:
    """Every number and choice of the recipe is named, a None or an empty list need not be."""
    named = {setting.partition("=")[0] for setting in constants(recipe)}
    plain = to_plain(resolve(recipe, preset="none"))["algorithm"] | entries("algorithm")[recipe].facts["run"]
    for path, value in flat(plain).items():
        key = re.sub(r"(\.\d+)?\.name$", "", path)  # items of a list are named together
        if value not in (None, [], recipe) and not key.startswith("regularizers"):
            assert key in named, f"the page of {recipe} does not name {key} ({value})"


def test_every_algorithm_has_a_page_and_every_page_an_entry() -> None:
    index = read(ROOT / "docs" / "index.md")
    for recipe in RECIPES:
        assert f"`{recipe}`" in index, f"docs/index.md does not name {recipe}"
    for page in [*ALGORITHM_PAGES, *(ROOT / "docs").glob("*.md")]:
        relative = str(page.relative_to(ROOT / "docs"))
        assert relative == "index.md" or f"({relative})" in index, f"docs/index.md does not link to {relative}"


#: What `Trainer.iterate` tells the rewards.
TOLD = {"global_step", "max_steps"}
#: Where metrics are named, as keys of dictionaries, and in which functions.
METRIC_SOURCES = (
    ("genrl/surrogates/gaussian.py", ("log_ratio",)),
    ("genrl/surrogates/ratio_norm.py", ("log_ratio",)),
    ("genrl/surrogates/softmax_distance.py", ("_metrics",)),
    ("genrl/losses/clipped.py", ("__call__",)),
    ("genrl/losses/divergence_mask.py", ("__call__",)),
    ("genrl/losses/nft.py", ("__call__",)),
    ("genrl/losses/awm.py", ("__call__",)),
    ("genrl/losses/dgpo.py", ("__call__",)),
    ("genrl/losses/dpo.py", ("__call__",)),
    ("genrl/losses/crd.py", ("__call__",)),
    ("genrl/algorithms/policy_gradient.py", ("_group_loss",)),
    ("genrl/algorithms/forward_process.py", ("_part_loss",)),
    ("genrl/metering.py", ("reward_metrics",)),
    ("genrl/rewards/groups.py", ("complete_groups",)),
    ("genrl/rewards/gradient.py", ("rate",)),
    ("genrl/monitoring/pictures.py", ("picture_values", "_of_each")),
    ("genrl/trainer.py", ("iterate", "update")),
    ("genrl/reporting.py", ("evaluation",)),
    ("genrl/evaluation.py", ("measure",)),
)


def metric_names() -> set[str]:
    names = set(COUNTED)
    for path, functions in METRIC_SOURCES:
        tree = ast.parse(read(ROOT / path))
        found = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in functions]
        assert {node.name for node in found} == set(functions), f"{path} has not all of {functions}"
        for function in found:
            names |= {key for node in ast.walk(function) for key in _keys(node)}
    return names - TOLD


def _keys(node: ast.AST) -> Iterator[str]:
    """String keys of a dictionary and of an assignment to one; what an f-string fills in becomes <name>."""
    keys: list[ast.expr | None] = []
    if isinstance(node, ast.Dict):
        keys = node.keys
    elif isinstance(node, ast.DictComp):
        keys = [node.key]
    elif isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
        keys = [node.slice]
    for key in keys:
        if isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value
        elif isinstance(key, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else "<name>" for part in key.values)


def test_every_metric_is_explained() -> None:
    page = read(ROOT / "docs" / "metrics.md")
    missing = sorted(name for name in metric_names() if f"`{name}`" not in page)
    assert not missing, f"docs/metrics.md does not explain {missing}"
