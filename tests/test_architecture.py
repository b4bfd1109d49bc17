"""The house: imports go down the floors, files and functions stay small, and nothing unsafe is loaded."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "genrl"
FILES = sorted(PACKAGE.rglob("*.py"))

FLOORS = {
    0: "types protocols data_protocols forward_protocols registry errors randomness schedule spec bounds values settings "
    "statistics eval_card files processes launched geometry pictures _version",
    1: "solvers perturbers selection surrogates advantages losses snapshots noising",
    2: "policy rollout models rewards prompts faithfulness scenes monitoring",
    3: "algorithms testing serving",
    4: "trainer memory replicas drawn checkpoint persistence optimization evaluation metering reporting quiet report tracking"
    " snr hub doctor",
    5: "config export judging run selfcheck estimate bench engine interrupt prompter",
    6: "cli __main__ __init__",
}
FLOOR = {room: floor for floor, rooms in FLOORS.items() for room in rooms.split()}
COMPONENTS = set(FLOORS[1].split())
#: Rooms of these floors do not know each other, but for the doors below.
SEPARATE = (1, 2)
DOORS = {("policy", "models")}


def room(module: str) -> str:
    """The part of genrl that a module belongs to: genrl.solvers.euler -> solvers."""
    return (module.split(".") + ["__init__"])[1]


def module_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts)


def imported(path: Path) -> Iterator[str]:
    """Every module of genrl that a file imports, inside functions and for type checking too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "genrl")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: write imports in full"
            if node.module == "genrl":
                yield from (f"genrl.{alias.name}" if alias.name in FLOOR else "genrl" for alias in node.names)
            elif node.module and node.module.startswith("genrl."):
                yield node.module


EDGES = [(path, room(module_of(path)), room(target)) for path in FILES for target in imported(path)]


def test_every_room_has_a_floor() -> None:
    assert {room(module_of(path)) for path in FILES} <= FLOOR.keys(), "give the new module a floor"


def test_imports_never_go_up_a_floor() -> None:
    wrong = [f"{path}: {own} imports {other}" for path, own, other in EDGES if FLOOR[other] > FLOOR[own]]
    # A version is all that may be read at the front door.
    assert [line for line in wrong if "imports __init__" not in line] == []


def test_rooms_of_the_lower_floors_do_not_know_each_other() -> None:
    wrong = [
        f"{path}: {own} imports {other}"
        for path, own, other in EDGES
        if own != other and FLOOR[own] == FLOOR[other] in SEPARATE and (own, other) not in DOORS
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("own", "forbidden"),
    [
        ("algorithms", {"models", "rewards", "prompts", "scenes", "testing"}),
        ("trainer", COMPONENTS | {"algorithms", "models", "scenes", "testing"}),
        ("evaluation", COMPONENTS | {"algorithms", "models", "scenes", "testing"}),
        ("rollout", COMPONENTS - {"surrogates"}),
        ("models", COMPONENTS),
    ],
)
def test_rooms_know_only_what_they_need(own: str, forbidden: set[str]) -> None:
    assert {other for _, room_, other in EDGES if room_ == own} & forbidden == set()


def test_only_the_command_line_knows_the_conformance_suite() -> None:
    assert {own for _, own, other in EDGES if other == "testing"} <= {"testing", "cli"}


def test_no_file_is_long_and_most_are_short() -> None:
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in FILES}
    assert {name: count for name, count in lines.items() if count > 300} == {}
    assert statistics.median(lines.values()) <= 70


def test_no_function_is_long() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.name}"
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or node.lineno) - node.lineno + 1 > 60
    ]
    # A command's signature is its flags and its docstring is their help; there is little work below.
    assert set(long) <= {"genrl/cli/train.py:train", "genrl/cli/train_prompter.py:train_prompter"}


def test_recipes_fit_on_a_screen() -> None:
    """One recipe a file, of at most 45 lines, and nothing else in it."""
    for path in (PACKAGE / "algorithms").glob("*.py"):
        source = path.read_text()
        definitions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
        if any(isinstance(node, ast.FunctionDef) and node.decorator_list for node in definitions):
            assert len(definitions) == 1, path.name
            assert len(source.splitlines()) <= 45, path.name


def test_trainer_iterates_in_forty_lines() -> None:
    tree = ast.parse((PACKAGE / "trainer.py").read_text())
    (iterate,) = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name == "iterate"]
    assert iterate.end_lineno is not None
    assert iterate.end_lineno - iterate.lineno + 1 <= 40


def test_nothing_unsafe_is_loaded_or_run() -> None:
    """Weights come as safetensors; what torch wrote is read without its pickled objects; no text becomes code."""
    wrong = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            where = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", None) or ""]
                wrong += [f"{where} {name}" for name in names if name.split(".")[0] in {"pickle", "dill", "cloudpickle"}]
            if isinstance(node, ast.Call):
                called = ast.unparse(node.func)
                safe = any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in node.keywords)
                if called in {"eval", "exec"} or (called == "torch.load" and not safe):
                    wrong.append(f"{where} {called}")
    assert wrong == []


def test_help_answers_without_torch() -> None:
    program = (
        "import sys\nfrom genrl.cli.app import main\nsys.argv = ['genrl', '--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "heavy = sorted({'torch', 'diffusers', 'transformers', 'datasets', 'numpy'} & set(sys.modules))\n"
        "sys.exit(f'--help imports {heavy}' if heavy else 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert "train" in done.stdout
