"""Drives a pipeline's own `__call__` with its text encodings, its noise and its clock under control.

The text-to-image and text-to-video pipelines of diffusers have one shape: encode the prompt, prepare latents, set the
timesteps, `for t in timesteps: latents = scheduler.step(velocity, t, latents)`, decode. What arrives in `step` is guided,
sign-corrected and packed already. So nothing here knows any model: it lets the pipeline run and replaces five of its parts.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Mapping, MutableMapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from genrl.errors import ModelError
from genrl.models.encoding import Arrived, Listener
from genrl.models.requirements import trainable
from genrl.models.scheduler_proxy import Answered, Moment, Reply, SchedulerProxy, leave
from genrl.models.text_cache import SHORT, Encodings

#: The guidance argument of `encode_prompt` in pipelines that encode the negative prompt in the same call.
GUIDED = "do_classifier_free_guidance"


@dataclass(frozen=True)
class Prepared:
    """What `prepare_latents` answers for a batch size.

    latents: a stand-in for the noise (B, *L). empty: the channels behind it, along `axis`, where a pipeline that can also
    continue a picture has none to put. rest: what comes with the latents (position ids).
    """

    latents: Tensor
    empty: Tensor | None
    axis: int
    rest: tuple[Any, ...] | None


class Driver:
    """One pipeline under control. The pipeline itself stays as it is and can be used beside it.

    `call` holds the constant arguments of its `__call__`, such as height and guidance scale. Encodings and position ids are
    kept from one call to the next, so sample under `torch.no_grad()`: what is made under `torch.inference_mode()` cannot be
    trained on. `at_work` is entered around everything that asks the other components than the networks; `store` makes the
    mappings in which encodings are kept.
    """

    def __init__(
        self,
        pipe: Any,
        call: Mapping[str, Any],
        at_work: Callable[[], AbstractContextManager[Any]] = nullcontext,
        store: Callable[[], MutableMapping[str, tuple[Any, ...]]] = dict,
    ) -> None:
        self._at_work, self._store = at_work, store
        self.scheduler = SchedulerProxy(pipe.scheduler)
        self._pipe, self._names, self._call = pipe, trainable(pipe), dict(call)
        # `__wrapped__` is the method under `@torch.no_grad()`.
        self._bare = type(pipe).__call__.__wrapped__  # type: ignore[attr-defined]
        self._driven = _driven(pipe, self)
        self._encode_signature = inspect.signature(pipe.encode_prompt)
        self._encodings: dict[str, Encodings] = {}
        self._prepared: dict[tuple[int, torch.device], Prepared] = {}
        self._texts: tuple[str, ...] = ()
        self._latents: Tensor | None = None
        self._asking, self._exact = False, False
        # The pipeline's own noise is never used; it must not be drawn from the global generator either.
        self._generator = torch.Generator()

    @property
    def networks(self) -> dict[str, nn.Module]:
        """The networks that the pipeline asks, by component name."""
        return {name: getattr(self._pipe, name) for name in self._names}

    def replace(self, networks: Mapping[str, Any]) -> None:
        """Have the pipeline ask these from here on, under the same names."""
        self._pipe.__dict__.update(networks)

    @property
    def device(self) -> torch.device:
        """Where the network is, and so where everything has to be."""
        return next(getattr(self._pipe, self._names[0]).parameters()).device

    def velocity(self, x: Tensor, moment: Moment, texts: tuple[str, ...]) -> Tensor:
        """(B, *L) latents at one moment -> what the pipeline would hand to its scheduler."""
        try:
            self.run(texts, x, moment)
        except Answered as answer:
            return check_velocity(answer.velocity, x)
        raise ModelError(UNASKED)

    def encode(self, texts: Sequence[str]) -> None:
        """Have the pipeline encode each text and whatever negative prompt it sets beside it."""
        with self._at_work():
            for text in texts:
                self.run((text,))

    def forget(self, texts: Sequence[str]) -> None:
        """Keep the encodings of these texts no longer."""
        for kept in self._encodings.values():
            kept.forget(texts)

    def together(self, text: str) -> Hashable:
        """Texts for which this is equal may stand in one batch."""
        return tuple(kept.together(text) for kept in self._encodings.values() if text in kept)

    def start(self, steps: int | None = None) -> Prepared:
        """Everything before the first step, for one row; with `steps`, leaves the pipeline's scheduler with that grid."""
        size = (1, self.device)
        if steps is not None or size not in self._prepared:
            with self._at_work():
                self.run((SHORT,), steps=steps)
        return self._prepared[size]

    def finish(self, latents: Tensor, output_type: str) -> Any:
        """Everything after the last step, with gradient where that is enabled."""
        with self._at_work():
            return self.run((SHORT,) * len(latents), latents, output_type=output_type)[0]

    def tail(self, latents: Tensor) -> Tensor:
        """What the pipeline hands to its autoencoder for latents (B, *L), in float32; where it has none, what it returns."""
        vae = self._pipe.components.get("vae")
        self._exact = True
        try:
            if vae is None:
                return self.run((SHORT,) * len(latents), latents, output_type="pt")[0]
            self._pipe.__dict__["vae"] = Listener(vae)
            self.run((SHORT,) * len(latents), latents, output_type="pt")
        except Arrived as arrived:
            return arrived.z
        finally:
            self._exact = False
            if vae is not None:
                self._pipe.__dict__["vae"] = vae
        raise ModelError("The pipeline decodes without its autoencoder, so pictures cannot be encoded; choose another.")

    def run(
        self,
        texts: tuple[str, ...],
        latents: Tensor | None = None,
        moment: Moment | None = None,
        reply: Reply = leave,
        steps: int | None = None,
        output_type: str = "latent",
    ) -> Any:
        """Call the pipeline, with these latents after its preparations and these timesteps in its loop."""
        self._texts, self._latents, self._asking = texts, latents, moment is not None
        self.scheduler.expose(moment, grid=steps is not None, reply=reply)
        try:
            return self._bare(
                self._driven,
                prompt=list(texts),
                # Some schedules do not exist for a single step.
                num_inference_steps=steps or max(2, 0 if moment is None else len(moment.timesteps)),
                generator=self._generator,
                output_type=output_type,
                return_dict=False,
                **self._call,
            )
        finally:
            self._latents = None  # they may hold a whole graph

    def encode_prompt(self, own: Any, *args: Any, **kwargs: Any) -> Any:
        """In place of the pipeline's: the kept encodings. One store for each set of the other arguments."""
        arguments = self._encode_signature.bind(*args, **kwargs).arguments
        prompt = arguments.pop("prompt")
        # Pipelines that encode the negative prompt in a call of its own want one for each row, and take None for no text.
        texts = (prompt or "",) * len(self._texts) if isinstance(prompt, str | None) else tuple(prompt)
        # Not part of the key: a model that moves to another device, or is asked for other rows, keeps its encodings.
        for name in ("device", "batch_size"):
            arguments.pop(name, None)
        key = repr(arguments)
        if key not in self._encodings:
            encode = partial(self._encode, own, arguments)
            unguided = partial(self._encode, own, arguments | {GUIDED: False}) if arguments.get(GUIDED) else None
            self._encodings[key] = Encodings(encode, unguided, self._store())
        if self._asking:
            return self._encodings[key].batch(texts, self.device)
        self._encodings[key].add(texts)
        return self._encodings[key].stand_in(texts, self.device)

    def _encode(self, own: Any, arguments: Mapping[str, Any], texts: list[str]) -> Any:
        here = {"device": self.device, "batch_size": len(texts)}
        known = {name: value for name, value in here.items() if name in self._encode_signature.parameters}
        negative = {k: [v] * len(texts) for k, v in arguments.items() if k.startswith("negative_prompt") and isinstance(v, str)}
        # What is kept for the whole run must not depend on whether its first reader ran under autocast.
        with torch.no_grad(), torch.autocast(self.device.type, enabled=False):
            return own(prompt=list(texts), **{**arguments, **known, **negative})

    def prepare_latents(self, own: Any, *args: Any, **kwargs: Any) -> Any:
        """In place of the pipeline's: our latents, in the dtype and with the companions of its own."""
        size = (len(self._texts), self.device)
        if size not in self._prepared:
            answer = own(*args, **kwargs)
            first, rest = (answer[0], tuple(answer[1:])) if isinstance(answer, tuple) else (answer, None)
            noise, empty, axis = _noise_and_empty(first)
            _check_noise(noise)
            # Only shape, dtype and device are ever read of the latents: a view of one zero stands for them.
            self._prepared[size] = Prepared(noise.new_zeros(()).expand(noise.shape), empty, axis, rest)
        prepared = self._prepared[size]
        dtype = torch.float32 if self._exact else prepared.latents.dtype
        latents = prepared.latents if self._latents is None else self._latents.to(dtype)
        if latents.shape != prepared.latents.shape:
            raise ModelError(
                f"Latents of shape {tuple(latents.shape)} do not fit this pipeline, which prepares "
                f"{tuple(prepared.latents.shape)}; draw noise of shape model.latent_shape()."
            )
        if prepared.empty is not None:
            latents = torch.cat([latents, prepared.empty], prepared.axis)
        return latents if prepared.rest is None else (latents, *prepared.rest)


#: A pipeline that ends without a step of its scheduler.
UNASKED = "The pipeline handed no velocity to its scheduler, so it cannot be trained; choose another."


def check_velocity(velocity: Tensor, x: Tensor) -> Tensor:
    """The velocity itself, if it has the shape of the latents."""
    if velocity.shape != x.shape:
        raise ModelError(
            f"The pipeline's velocity has shape {tuple(velocity.shape)} and its latents {tuple(x.shape)}: it denoises only "
            "a part of them, which genrl cannot follow; choose a text-to-image or text-to-video pipeline."
        )
    return velocity


def _driven(pipe: Any, driver: Driver) -> Any:
    """`pipe` again, with five parts replaced.

    A subclass on the very same `__dict__`: components that are replaced or moved later are seen by both, and the caller's
    pipeline is never patched. The properties win over the dictionary's entries because they are data descriptors.
    """
    kind = type(pipe)

    class Driven(kind):  # type: ignore[misc, valid-type]
        scheduler = property(lambda self: driver.scheduler)
        # The pipeline's own walks through all its modules, at every call.
        _execution_device = property(lambda self: driver.device)

        def encode_prompt(self, *args: Any, **kwargs: Any) -> Any:
            return driver.encode_prompt(super().encode_prompt, *args, **kwargs)

        def prepare_latents(self, *args: Any, **kwargs: Any) -> Any:
            return driver.prepare_latents(super().prepare_latents, *args, **kwargs)

        def progress_bar(self, iterable: Any = None, total: int | None = None) -> Any:
            return _NoBar() if iterable is None else iterable

    driven = object.__new__(Driven)
    driven.__dict__ = pipe.__dict__
    return driven


class _NoBar(nullcontext):
    def __enter__(self) -> AbstractContextManager:
        return self

    def update(self, count: int = 1) -> None:
        pass


def _noise_and_empty(latents: Tensor) -> tuple[Tensor, Tensor | None, int]:
    """The noise in prepared latents, and the zeros behind it with their axis."""
    for axis in range(1, latents.ndim):
        filled = latents.movedim(axis, 0).flatten(1).any(dim=1).tolist()
        count = sum(filled)
        if count < len(filled) and all(filled[:count]):
            noise, empty = latents.split([count, len(filled) - count], axis)
            return noise, empty, axis
    return latents, None, 0


def _check_noise(latents: Tensor) -> None:
    if latents.numel() >= 64 and not 0.7 < float(latents.float().std()) < 1.4:
        raise ModelError(
            f"This pipeline starts from noise of standard deviation {float(latents.float().std()):.2f}, and genrl's paths "
            "start from 1; a pipeline with a `noise_scale` has to be trained and configured with noise_scale=1.0."
        )
