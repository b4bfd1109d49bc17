"""`genrl serve-reward`: a reward for trainers elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from genrl.serving import RewardService


def serve_reward(
    reward: Annotated[str, typer.Argument(help="A registered reward, module:function or file.py:function.")],
    host: Annotated[str, typer.Option(help="The address to listen on; 0.0.0.0 is every network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8100,
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="A field of the reward: quality=90. Repeatable.")
    ] = None,
    max_batch: Annotated[int, typer.Option(min=1, help="Most samples in one request.")] = 32,
    max_megabytes: Annotated[int, typer.Option(min=1, help="Longest body of a request.")] = 256,
    max_megapixels: Annotated[int, typer.Option(min=1, help="Most pixels in one request, unpacked.")] = 64,
    concurrency: Annotated[int, typer.Option(min=1, help="Requests scored at once; 1 is right for one GPU.")] = 1,
    api_key_env: Annotated[
        str | None, typer.Option(metavar="VARIABLE", help="The environment variable with the key that clients must send.")
    ] = None,
) -> None:
    """Serve a reward over HTTP, so that it runs in an environment and on a machine of its own.

    Trainers ask it with [bold]--reward remote[/]; docs/remote-rewards.md has the wire format. Ctrl-C lets running requests
    finish.

    [dim]Examples:[/]

      genrl serve-reward jpeg-size --option quality=90

      genrl serve-reward my_rewards.py:aesthetic --port 8101 --max-batch 64

      REWARD_KEY=... genrl serve-reward my_package:judge --host 0.0.0.0 --api-key-env REWARD_KEY

      genrl train --reward remote --set rewards.remote.options.url=http://127.0.0.1:8101
    """
    from importlib.util import find_spec

    from genrl.errors import ConfigError

    if find_spec("uvicorn") is None or find_spec("starlette") is None:
        raise ConfigError("Serving needs starlette and uvicorn; run `pip install 'genrl-toolkit[serve]'`.")
    from rich.console import Console

    from genrl.serving import Limits, RewardService
    from genrl.serving.app import build_app
    from genrl.serving.server import address, listen, server

    key = _key(api_key_env)
    limits = Limits(max_batch, max_megabytes * 2**20, max_megapixels * 2**20, concurrency)
    service = RewardService.of(reward, dict(map(_option, option or ())), limits)
    console = Console()
    with listen(host, port) as listener:
        _introduce(console, service, address(listener), guarded=bool(key))
        server(build_app(service, key)).run(sockets=[listener])


def _option(text: str) -> tuple[str, Any]:
    from genrl.config.text import parse
    from genrl.errors import ConfigError

    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise ConfigError(f"--option takes KEY=VALUE such as quality=90, got {text!r}.")
    return name.strip(), parse(value, f"The value of --option {name.strip()}")


def _key(variable: str | None) -> str:
    import os

    from genrl.errors import ConfigError

    key = os.environ.get(variable, "").strip() if variable else ""
    if variable and not key:
        raise ConfigError(f"The environment variable {variable} is not set; `export {variable}=...` first.")
    return key


def _introduce(console: Any, service: RewardService, url: str, guarded: bool) -> None:
    from rich.markup import escape
    from rich.table import Table

    from genrl.rewards.transport.address import is_loopback

    health, limits = service.health, service.limits
    table = Table("what", "value", title=f"Serving {health.name}", title_justify="left")
    rows = {
        "address": url,
        "version": health.version or "not declared",
        "bounds": "not declared" if health.bounds is None else f"[{health.bounds[0]:g}, {health.bounds[1]:g}]",
        "columns": ", ".join(health.columns) or "none needed",
        "a request": f"at most {limits.max_batch} samples, {limits.max_bytes >> 20} MB, {limits.max_pixels >> 20} megapixels",
        "at once": str(limits.concurrency),
        "key": "asked for" if guarded else "none",
    }
    for what, value in rows.items():
        table.add_row(what, escape(value))
    console.print(table)
    console.print(f"Ask it with: genrl train --reward remote --set rewards.remote.options.url={url}", soft_wrap=True)
    if not guarded and not is_loopback(url):
        console.print("[yellow]Anybody who reaches this address can use it; set a key with --api-key-env.[/]", soft_wrap=True)
