"""Loads what makes and judges candidates, once per process, and checks that it fits the job."""

import hashlib
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flows.building.shard import Order, Tools
from flows.config.checkpoints import SAMPLING, controlnet_folder, image_folder, settled
from flows.config.schema import BuildConfig, Prompts, config_hash, judge_settings, result_fields
from flows.config.shards import KEY_DIGITS
from synth.errors import UserError
from synth.settings import SynthesisSettings

if TYPE_CHECKING:  # torch, diffusers and transformers take seconds: not before they are needed
    from synth.prompts.sampler import PromptSource


@dataclass(frozen=True)
class Workshop:
    """The tools of one config, and the SHA-256 of every file that went into them."""

    tools: Tools
    inputs: dict[str, str]
    config_hash: str

    def order(self, config: BuildConfig) -> Order:
        """How each shard of this build is to be made."""
        return Order(
            seed=config.seed,
            batch_size=config.images.batch_size,
            retries=config.workers.retries,
            provenance={"config_hash": self.config_hash},
        )


_workshops: dict[str, Workshop] = {}
_loading = threading.Lock()


def workshop(config: BuildConfig) -> Workshop:
    """The tools for ``config``; loaded by the first thread that asks, shared by the others."""
    name = config.model_dump_json(exclude={"output", "workers"})
    with _loading:
        if name not in _workshops:
            _workshops.clear()  # one set of models at a time is what fits in memory
            _workshops[name] = load_workshop(config)
        return _workshops[name]


def load_workshop(config: BuildConfig) -> Workshop:
    """Loads and pins everything. Raises ``ValueError`` with one line when a file is missing, was
    tampered with, when the prompts ask for what the image model cannot draw, or when radiographs
    that are to be edited cannot be."""
    from filters.judge import Judge
    from synth.generate import Synthesizer

    config = settled(config)
    synthesizer = Synthesizer.load(synthesis_settings(config))
    if config.edit is not None:
        from flows.loading_pairs import load_pairs

        tools, inputs = load_pairs(config, synthesizer, Judge.load(judge_settings(config)))
        return Workshop(tools, inputs, config_hash(config, inputs))
    prompts = _prompt_source(config.prompts, synthesizer.findings)
    _check_drawable(config, prompts, synthesizer.findings)
    judge = Judge.load(judge_settings(config))
    inputs = {**synthesizer.digests, **judge.digests}
    if config.prompts.file:
        inputs["prompts"] = hashlib.sha256(config.prompts.file.read_bytes()).hexdigest()
    return Workshop(Tools(prompts, synthesizer, judge), inputs, config_hash(config, inputs))


def synthesis_settings(config: BuildConfig) -> SynthesisSettings:
    """What the room ``synth`` needs to know."""
    images = config.images
    return SynthesisSettings(
        images=image_folder(images),
        controlnet=controlnet_folder(images),
        masks=config.masks.weights,
        anatomy=config.anatomy.weights,
        **{name: value for name in SAMPLING if (value := getattr(images, name)) is not None},
        lesion_guidance=images.lesion_guidance,
        batch_size=images.batch_size,
        precision=images.precision,
        device=images.device,
    )


def _prompt_source(prompts: Prompts, drawable: tuple[str, ...]) -> "PromptSource":
    from synth.prompts.sampler import PromptFile, PromptSampler

    if prompts.file:
        return PromptFile(_existing(prompts.file))
    return PromptSampler(
        table=prompts.table,
        findings=prompts.findings or _labelled(prompts.table, drawable),
        weights=prompts.weights,
        age=prompts.age,
        sex=prompts.sex,
        view=prompts.view,
        normals=prompts.normals,
    )


def _labelled(table: str, drawable: tuple[str, ...]) -> tuple[str, ...]:
    """What the model can draw and the table knows: what is asked for unless the config says."""
    from synth.prompts.label_tables import load_table

    known = load_table(table).labelled
    return tuple(name for name in drawable if name in known)


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise UserError(f"prompts.file: {path}, expected a CSV, Parquet or text file")
    return path


def _check_drawable(config: BuildConfig, source: "PromptSource", drawable: tuple[str, ...]) -> None:
    """Raises when the config or a row of the prompt file asks for what the model cannot draw."""
    asked = set(config.prompts.findings or ()) | set(config.prompts.weights)
    for finding in sorted(asked - set(drawable)):
        raise UserError(
            f"prompts: {finding}, expected findings that the image model can draw ({', '.join(drawable)})"
        )
    if not config.prompts.file:
        return
    for row in range(min(source.length or 0, config.candidates)):
        case = source.case(config.seed, f"{row:0{KEY_DIGITS}d}")
        for request in case.findings:
            if request.name not in drawable:
                raise UserError(
                    f"{config.prompts.file}, prompt {row + 1}: asks for {request.name}, expected "
                    f"findings that the image model can draw ({', '.join(drawable)})"
                )


def frozen_fields(config: BuildConfig, shop: Workshop) -> dict[str, object]:
    """What ``build.json`` pins: a resumed build must match all of it."""
    return {
        "config": result_fields(config),
        "config_hash": shop.config_hash,
        "weights": shop.inputs,
    }
