"""Any flow pipeline of diffusers as a `FlowModel`: its guided velocity with gradients, its grid, its decoder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from genrl.errors import ConfigError, ModelError
from genrl.models.batches import Batches
from genrl.models.conversion import conversion_of
from genrl.models.driver import Driver
from genrl.models.encoding import Rearrangement, encoded
from genrl.models.gradients import let_gradients_through
from genrl.models.media import differentiable, makes_video, output_type_of, to_tensor
from genrl.models.offloading import Offloaded
from genrl.models.proof import Trial
from genrl.models.requirements import check_call, check_pipeline, trainable
from genrl.models.rows import Rows
from genrl.models.saving import save_lora, save_pipeline
from genrl.models.scheduler_proxy import Moment
from genrl.models.session import OpenRun, Session
from genrl.models.text_store import StoredRows
from genrl.protocols import Velocity
from genrl.types import Condition

#: Timesteps kept on the device; enough for any grid, and bounded for recipes that draw a new grid each iteration.
MOMENTS = 512


class DiffusersModel:
    """A diffusers flow pipeline that answers `velocity(x, sigma, condition)`.

    pipe: the pipeline, on its device and in its dtype. Its networks are put in eval mode (dropout would make the policy
        that learns another one than the policy that sampled); its other modules are frozen.
    call: constant arguments of its `__call__`: height, width, guidance_scale, negative_prompt, num_frames, ...
    max_rows: larger batches are split where no gradient is asked for; fewer rows at a time need less memory, more rows use
        the device better. Halved when the device runs out of memory.
    decode_rows: the same for decoding; None decodes 16 pictures, or one video, at a time.
    offload: keep everything but the networks on the CPU and bring it to the device to encode new texts and to decode.
    encodings: a folder below which text encodings are kept on disk; None keeps them in memory.
    """

    def __init__(
        self,
        pipe: Any,
        call: Mapping[str, Any] = MappingProxyType({}),
        max_rows: int | None = None,
        decode_rows: int | None = None,
        offload: bool = False,
        encodings: Path | None = None,
    ) -> None:
        check_pipeline(pipe)
        check_call(pipe, call)
        self.pipe, self.call = pipe, dict(call)
        self._conversion = conversion_of(pipe)
        self._rows = Rows(max_rows, "max_rows")
        self._decode_rows = Rows(decode_rows or (1 if makes_video(type(pipe)) else 16), "decode_rows")
        modules = {name: part for name, part in pipe.components.items() if isinstance(part, nn.Module)}
        networks = [modules[name] for name in trainable(pipe)]
        others = [module for module in modules.values() if module not in networks]
        for module in modules.values():
            module.eval()
        for module in others:
            module.requires_grad_(False)
        for network in networks:
            let_gradients_through(network)
        self._at_work = Offloaded(others, next(networks[0].parameters()).device).at_work if offload else nullcontext
        store = dict if encodings is None else partial(StoredRows, encodings)
        self._driver = Driver(pipe, self.call, self._at_work, store)
        self._encoded: set[str] = set()
        self._media_shape: tuple[int, ...] = ()
        self._rearrangement: Rearrangement | None = None
        self._grids: dict[int, tuple[float, ...]] = {}
        #: The scheduler's own timestep (1,) for each sigma of a grid that was asked for.
        self._timesteps: dict[float, Tensor] = {}
        self._moments: dict[tuple[float, torch.device], Moment] = {}
        #: By number of steps, whether a run that stays open answers what fresh runs answer; see `proof.py`.
        self._steady: dict[int, bool] = {}

    @property
    def networks(self) -> dict[str, nn.Module]:
        return self._driver.networks

    @property
    def device(self) -> torch.device:
        return self._driver.device

    def encode(self, texts: Sequence[str]) -> tuple[Condition, int]:
        """A condition with one row a text, and how many of the texts were encoded now: each text is encoded once ever."""
        new = [text for text in dict.fromkeys(texts) if text not in self._encoded]
        if new:
            self._driver.encode(new)
            self._encoded.update(new)
        return Condition(tuple(texts)), len(new)

    def forget(self, texts: Sequence[str]) -> None:
        """Keep the encodings of these texts no longer; for texts without end, such as those that a language model writes."""
        self._driver.forget(texts)
        self._encoded.difference_update(texts)

    def latent_shape(self) -> tuple[int, ...]:
        """Shape of one latent as the pipeline prepares it (FLUX: packed, (tokens, channels))."""
        return tuple(self._driver.start().latents.shape[1:])

    def sigmas(self, steps: int) -> tuple[float, ...]:
        """The pipeline's own grid of `steps` steps, its shift applied: steps + 1 points down to exactly 0."""
        if steps not in self._grids:
            self._driver.start(steps)
            scheduler = self.pipe.scheduler
            grid, timesteps = self._conversion.grid(scheduler, steps)
            falling = all(a > b for a, b in zip(grid, grid[1:], strict=False))
            if len(grid) != steps + 1 or grid[-1] != 0.0 or not falling:
                raise ModelError(
                    f"{type(scheduler).__name__} gives no grid of {steps} falling steps down to 0 ({grid}). Set the scheduler "
                    "of the pipeline to FlowMatchEulerDiscreteScheduler.from_config(pipe.scheduler.config)."
                )
            self._grids[steps] = grid
            self._timesteps |= zip(grid, timesteps.split(1), strict=False)
            self._moments.clear()
        return self._grids[steps]

    def velocity(self, x: Tensor, sigma: float | Tensor, condition: Condition) -> Tensor:
        """Guided velocity eps - x0, (B, *L) float32, differentiable; one run of the network (two with two-call guidance).

        The network is conditioned on the scheduler's own timestep where sigma lies on a grid that `sigmas` returned (some
        schedulers round it), elsewhere on sigma times the number of training timesteps. Autocast is the caller's.

        Rows that cannot stand in one batch are asked one batch after the other: those of another sigma, and those whose
        text has another length where the pipeline pads without a mask.
        """
        if len(x) != len(condition):
            raise ModelError(f"{len(x)} latents but {len(condition)} prompts; give one prompt for each row.")
        if isinstance(sigma, Tensor) and sigma.shape != x.shape[:1]:
            raise ModelError(f"sigma has shape {tuple(sigma.shape)}; give a number, or one for each of the {len(x)} rows.")
        sigmas = sigma.tolist() if isinstance(sigma, Tensor) else [sigma] * len(x)

        def ask(limit: int | None) -> Tensor:
            batches = self._batches(condition.texts, limit, sigmas)
            answers = [
                self._ask(part, sigmas[rows[0]], _take(condition.texts, rows))
                for part, rows in zip(batches.split(x), batches.rows, strict=True)
            ]
            return batches.join(answers).float()

        return self._rows.attempt(ask, len(x))

    @contextmanager
    def solve(self, condition: Condition, sigmas: tuple[float, ...]) -> Iterator[Velocity]:
        """Inside, `velocity` for one walk down `sigmas`, to the last bit, with what precedes the pipeline's loop done once."""
        alone, moments = partial(self.velocity, condition=condition), [self._moment(s, self.device) for s in sigmas[:-1]]
        uniform = len({moment.timesteps.dtype for moment in moments}) == 1  # off a grid of integers they are floats
        if not uniform or self._steady.get(len(moments)) is False:
            yield alone
            return
        open_run = OpenRun if len(moments) in self._steady else partial(Trial, verdicts=self._steady)
        batches = self._batches(condition.texts, self._rows.most)
        runs = [open_run(self._driver, _take(condition.texts, rows), moments) for rows in batches.rows]
        session = Session(runs, batches, self._conversion, sigmas[:-1], alone)
        try:
            yield session
        finally:
            session.close()

    def decode(self, latents: Tensor) -> Tensor:
        """Images (B, 3, H, W) or frames (B, F, 3, H, W), float32 in [0, 1], by the pipeline's own tail.

        Differentiable where the latents are. Then all rows are decoded at once, because their graphs are kept.
        """
        if torch.is_grad_enabled() and latents.requires_grad:
            media = differentiable(self.pipe, partial(self._driver.finish, latents), latents.device)
            if media.shape[1:] != self.media_shape():
                raise ModelError(
                    f"{type(self.pipe).__name__} resizes pictures of {tuple(media.shape[1:])} to {self.media_shape()}, where "
                    "no gradient follows; set model.call.use_resolution_binning=false."
                )
            return media
        output_type = output_type_of(self.pipe)

        def finish(limit: int | None) -> Tensor:
            parts = latents.split(limit or len(latents))
            return torch.cat([to_tensor(self._driver.finish(part, output_type), latents.device) for part in parts])

        with torch.no_grad():
            return self._decode_rows.attempt(finish, len(latents))

    def media_shape(self) -> tuple[int, ...]:
        """(3, H, W), or (F, 3, H, W) of videos, of what is decoded; one latent is, at the first call."""
        if not self._media_shape:
            with torch.no_grad():
                latent = torch.zeros(1, *self.latent_shape(), device=self.device)
                self._media_shape = tuple(self.decode(latent).shape[1:])
        return self._media_shape

    def encode_media(self, media: Tensor) -> Tensor:
        """(B, *media_shape) in [0, 1] -> latents (B, *L) that decode to it, float32, as far as the autoencoder is one.

        Without gradient, and the same for the same picture: the mode of the autoencoder's distribution. ModelError for a
        pipeline that does more to its latents than to rearrange, scale and shift them before it decodes them.
        """
        if media.shape[1:] != self.media_shape():
            raise ModelError(
                f"{tuple(media.shape[1:])} is no picture of this pipeline, which makes {self.media_shape()}; resize it first."
            )
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            if self._rearrangement is None:
                self._rearrangement = Rearrangement.of(self._driver.tail, self.latent_shape(), self.device)
            found = self._rearrangement
            if found is None:
                raise ModelError(
                    f"{type(self.pipe).__name__} does more to its latents than to rearrange and scale them before it decodes "
                    "them, so pictures cannot be encoded; choose a method that samples its pictures."
                )

            def encode(limit: int | None) -> Tensor:
                with self._at_work():
                    return torch.cat([encoded(self.pipe, found, part) for part in media.split(limit or len(media))])

            return self._decode_rows.attempt(encode, len(media))

    def save(self, folder: str | Path, weights: str) -> None:
        """ "full": a pipeline folder for `DiffusionPipeline.from_pretrained`; "lora": a file for `load_lora_weights`."""
        if weights == "full":
            save_pipeline(self.pipe, self.networks, folder)
        elif weights == "lora":
            save_lora(self.networks, folder)
        else:
            raise ConfigError(f'weights must be "full" or "lora", not {weights!r}.')

    def _ask(self, x: Tensor, sigma: float, texts: tuple[str, ...]) -> Tensor:
        latents = self._conversion.inward(x, sigma)
        return self._conversion.outward(self._driver.velocity(latents, self._moment(sigma, x.device), texts), latents, sigma)

    def _batches(self, texts: tuple[str, ...], limit: int | None, sigmas: Sequence[float] | None = None) -> Batches:
        kinds = {text: self._driver.together(text) for text in set(texts)}
        keys = [kinds[text] for text in texts]
        return Batches(list(zip(keys, sigmas, strict=True)) if sigmas else keys, limit, self.device)

    def _moment(self, sigma: float, device: torch.device) -> Moment:
        key = (sigma, device)
        if key not in self._moments:
            if len(self._moments) >= MOMENTS:
                self._moments.clear()
            fractional = torch.tensor([self._conversion.timestep(sigma)], dtype=torch.float32)
            timesteps = self._timesteps.get(sigma, fractional)
            own = torch.tensor([self._conversion.own_sigma(s) for s in (sigma, 0.0)])
            self._moments[key] = Moment(timesteps.to(device), own)
        return self._moments[key]


def _take(texts: tuple[str, ...], rows: Sequence[int]) -> tuple[str, ...]:
    return tuple(texts[row] for row in rows)
