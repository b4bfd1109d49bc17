"""A causal language model and its tokenizer: what can be refused without its weights, and loading it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from genrl.errors import ConfigError, ModelError
from genrl.models.loading import DTYPES
from genrl.prompter.asking import INSTRUCTION, Asking
from genrl.prompter.folder import ADAPTER, is_finished, is_writer, record_of, weights_of
from genrl.prompter.quiet import quiet
from genrl.prompter.settings import WriterSettings
from genrl.registry import suggestion

#: The longest prompt of a writer that no record speaks about.
MAX_NEW_TOKENS = 128


def check_language_model(settings: WriterSettings, padded: bool = True) -> Any:
    """The tokenizer of a model that is one; ModelError or ConfigError if it cannot write prompts. Reads no weights.

    padded: whether requests of different lengths are going to share a batch, as they do in training.
    """
    if not settings.path:
        raise ConfigError("There is no prompt writer; give --writer with a hub id or a folder of a causal language model.")
    folder = Path(settings.path).expanduser()
    if not folder.exists() and (settings.path.startswith((".", "/", "~")) or settings.path.count("/") > 1):
        raise ModelError(f"There is no folder {settings.path!r} with a language model; check the path (here: {Path.cwd()}).")
    if (folder / "config.yaml").is_file() and is_writer(folder) and not is_finished(folder):
        again = f"genrl train-prompter --resume {settings.path}"
        raise ModelError(
            f"The run {settings.path} is not finished; continue it with `{again}`, or name one of its checkpoints."
        )
    base, where = _base(weights_of(settings.path)), settings.path
    config = _read(settings, base, where, "AutoConfig")
    _check_causal(config, settings)
    tokenizer = _read(settings, weights_of(where), where, "AutoTokenizer")
    if tokenizer.eos_token_id is None:
        raise ModelError(
            f"The tokenizer of {where!r} has no end-of-text token, so no prompt would ever end; set its eos_token."
        )
    if padded or settings.pad_token:
        _set_padding(tokenizer, settings)
    return tokenizer


def asking_of(settings: WriterSettings, tokenizer: Any) -> Asking:
    """How the model is asked: as the settings say, else as it was trained, else by a general instruction."""
    record = record_of(settings.path)
    template = settings.template or (record.template if record else INSTRUCTION)
    return Asking(template, chat=tokenizer.chat_template is not None)


def max_new_tokens(settings: WriterSettings) -> int:
    record = record_of(settings.path)
    return record.max_new_tokens if record else MAX_NEW_TOKENS


def is_adapter(settings: WriterSettings) -> bool:
    return (Path(weights_of(settings.path)) / ADAPTER).is_file()


def load_language_model(settings: WriterSettings, trainable: bool = False, dtype: str | None = None) -> Any:
    """The model with its adapter, if it has one, on the CPU; safetensors only.

    dtype: "auto" is that of its file; None takes that of the settings.
    """
    import peft
    import transformers

    kind: Any = peft.AutoPeftModelForCausalLM if is_adapter(settings) else transformers.AutoModelForCausalLM
    own = {"is_trainable": trainable} if is_adapter(settings) else {"use_safetensors": True}
    try:
        with quiet():
            return kind.from_pretrained(
                weights_of(settings.path),
                dtype=dtype or DTYPES[settings.dtype],
                revision=settings.revision,
                trust_remote_code=settings.trust_remote_code,
                **own,
            )
    except (OSError, ValueError) as error:
        raise ModelError(f"The prompt writer {settings.path!r} does not load: {_first_line(error)}") from error


def _read(settings: WriterSettings, source: str, where: str, kind: str) -> Any:
    import transformers

    try:
        reader = getattr(transformers, kind)
        return reader.from_pretrained(
            source, revision=settings.revision, trust_remote_code=settings.trust_remote_code, padding_side="left"
        )
    except (OSError, ValueError, KeyError) as error:
        what = "configuration" if kind == "AutoConfig" else "tokenizer"
        raise ModelError(
            f"The {what} of the prompt writer {where!r} cannot be read ({_first_line(error)}); give the folder that "
            "`save_pretrained` wrote model and tokenizer to, or a hub id that this machine can reach and may read."
        ) from error


def _base(source: str) -> str:
    """Of an adapter the model that it belongs to."""
    path = Path(source) / ADAPTER
    return json.loads(path.read_text())["base_model_name_or_path"] if path.is_file() else source


def _check_causal(config: Any, settings: WriterSettings) -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES as KNOWN

    classes = {name for names in KNOWN.values() for name in ([names] if isinstance(names, str) else names)}
    own = list(config.architectures or [])
    remote = settings.trust_remote_code and "AutoModelForCausalLM" in (getattr(config, "auto_map", None) or {})
    if remote or (classes.intersection(own) if own else config.model_type in KNOWN):
        return
    raise ModelError(
        f"{settings.path!r} is no causal language model but {' and '.join(own) or config.model_type}, which cannot write a "
        "prompt; give one whose class ends in ForCausalLM or LMHeadModel."
    )


def _set_padding(tokenizer: Any, settings: WriterSettings) -> None:
    if settings.pad_token:
        if settings.pad_token not in tokenizer.get_vocab():
            near = suggestion(settings.pad_token, tokenizer.all_special_tokens)
            raise ConfigError(
                f"The tokenizer of {settings.path!r} has no token {settings.pad_token!r} (writer.pad_token){near}"
            )
        tokenizer.pad_token = settings.pad_token
    if tokenizer.pad_token_id is None:
        raise ConfigError(
            f"The tokenizer of {settings.path!r} has no padding token, so requests cannot be batched; name a token of its own, "
            f"as in --set writer.pad_token={tokenizer.eos_token!r}."
        )


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def end_tokens(model: Any, tokenizer: Any) -> list[int]:
    """Every token that ends a completion: those that the model declares, and the tokenizer's."""
    declared = model.generation_config.eos_token_id
    declared = [] if declared is None else declared if isinstance(declared, list) else [declared]
    return sorted({*declared, tokenizer.eos_token_id})


@torch.no_grad()
def continued(model: Any, tokenizer: Any, ids: list[list[int]], limit: int) -> list[str]:
    """The likeliest continuations of token ids (B, equal lengths), decoded; at most `limit` tokens each."""
    from transformers import GenerationConfig

    device = next(model.parameters()).device
    batch = torch.tensor(ids, device=device)
    greedy = GenerationConfig(
        do_sample=False,
        num_beams=1,
        repetition_penalty=1.0,
        max_new_tokens=limit,
        # Only after the end of a text, where nothing is read.
        pad_token_id=tokenizer.eos_token_id if tokenizer.pad_token_id is None else tokenizer.pad_token_id,
        eos_token_id=end_tokens(model, tokenizer),
    )
    answer = model.generate(input_ids=batch, attention_mask=torch.ones_like(batch), generation_config=greedy)
    return tokenizer.batch_decode(answer[:, batch.shape[1] :], skip_special_tokens=True)
