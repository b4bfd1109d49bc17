"""What can be read off a pipeline's class, before any of its weights: whether `driver.py` can drive it."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Collection, Iterator, Mapping
from functools import cache

#: Components that can be trained, in the order in which diffusers names them.
NETWORKS = ("transformer", "transformer_2", "unet")
BY_STEP = "it depends on the number of the step, which one velocity does not have"
#: Arguments of `__call__` that decide by the number of the step.
STEPWISE = ("skip_guidance_layers", "cfg_trunc_ratio", "guidance_schedule")
#: Arguments of `__call__` that genrl itself passes.
PASSED = ("prompt", "num_inference_steps", "generator", "output_type", "return_dict")


def obstacle(kind: type, components: Collection[str]) -> str | None:
    """Why pipelines of this class with these components cannot be driven, in half a sentence; None if they can."""
    call, arguments = kind.__call__, _arguments(kind)  # type: ignore[operator]
    lacking = [part for part in ("encode_prompt", "prepare_latents") if not callable(getattr(kind, part, None))]
    lacking += [f"{name} (argument)" for name in PASSED if name not in arguments]
    encode = getattr(kind, "encode_prompt", None)
    lacking += ["prompt (argument of encode_prompt)"] if encode and "prompt" not in inspect.signature(encode).parameters else []
    lacking += [] if set(NETWORKS) & set(components) else ["transformer or unet (component)"]
    lacking += [] if "scheduler" in components else ["scheduler (component)"]
    if lacking or not inspect.isfunction(getattr(call, "__wrapped__", None)):
        return f"it lacks {', '.join(lacking) or 'a __call__ under torch.no_grad()'}"
    if "height" not in arguments:
        return "it makes no pictures, which is what rewards look at"
    return _loop_obstacle(kind) or _noise_obstacle(kind) or _text_obstacle(kind)


def _loop_obstacle(kind: type) -> str | None:
    """Its loop has to be one, over the timesteps of `self.scheduler`, with one step of it in each pass."""
    steps = list(_steps(_tree(inspect.unwrap(kind.__call__)), 0))  # type: ignore[operator]
    if not steps:
        return "it calls no scheduler's step in its __call__"
    if any(scheduler != "self.scheduler" for scheduler, _ in steps):
        return "it steps several schedulers, that is, it denoises several things at once (such as video and sound)"
    if any(depth > 1 for _, depth in steps):
        return "it denoises its result piece by piece, in loops inside one another"
    return None


def _noise_obstacle(kind: type) -> str | None:
    names = {node.attr for node in ast.walk(_tree(kind.prepare_latents)) if isinstance(node, ast.Attribute)}  # type: ignore[attr-defined]
    scaled = "sigma_max" in names
    return "it starts from noise of standard deviation sigma_max, and genrl's paths start from 1" if scaled else None


def _text_obstacle(kind: type) -> str | None:
    tests = [node for node in ast.walk(_tree(inspect.unwrap(kind.__call__))) if isinstance(node, ast.If)]  # type: ignore[operator]
    refusing = [ast.unparse(node.test) for node in tests if isinstance(node.body[0], ast.Raise)]
    if any("not isinstance(prompt, str)" in test for test in refusing):
        return "it takes one prompt at a time"
    methods = [method for method, switch in _rewriters(kind) if switch is None]
    return f"it puts the prompt through {methods[0]} at each call, so that encodings cannot be kept" if methods else None


def switches(kind: type) -> dict[str, str]:
    """Arguments of `__call__` that have to be off, with the reason; some are on by default."""
    rewriting = {switch: f"it puts the prompt through {method} at each call" for method, switch in _rewriters(kind) if switch}
    schedules = {"guidance_schedule": BY_STEP} if "guidance_schedule" in _arguments(kind) else {}
    return rewriting | schedules


def _rewriters(kind: type) -> Iterator[tuple[str, str | None]]:
    """Methods but `encode_prompt` that are given the prompt, and the argument in whose `if` they are called."""
    for method, switch in _calls_with_prompt(_tree(inspect.unwrap(kind.__call__)), None):  # type: ignore[operator]
        yield method, switch if switch in _arguments(kind) else None


def _calls_with_prompt(node: ast.AST, switch: str | None) -> Iterator[tuple[str, str | None]]:
    if isinstance(node, ast.If) and isinstance(node.test, ast.Name):
        switch = node.test.id
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) == "self":
        given = [argument.id for argument in [*node.args, *(k.value for k in node.keywords)] if isinstance(argument, ast.Name)]
        if "prompt" in given and node.func.attr not in ("encode_prompt", "check_inputs"):
            yield node.func.attr, switch
    for child in ast.iter_child_nodes(node):
        yield from _calls_with_prompt(child, switch)


def _steps(node: ast.AST, depth: int) -> Iterator[tuple[str, int]]:
    """Each `scheduler.step(...)` below a node: the scheduler, and how many loops it is in."""
    for child in ast.iter_child_nodes(node):
        inner = depth + isinstance(child, ast.For | ast.While)
        if isinstance(child, ast.Call) and isinstance(child.func, ast.Attribute) and child.func.attr == "step":
            yield ast.unparse(child.func.value), inner
        yield from _steps(child, inner)


def _arguments(kind: type) -> Mapping[str, inspect.Parameter]:
    return inspect.signature(kind.__call__).parameters  # type: ignore[operator]


@cache
def _tree(function: object) -> ast.Module:
    return ast.parse(textwrap.dedent(inspect.getsource(function)))  # type: ignore[arg-type]
