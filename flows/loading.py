"""Loads the models that make, edit and judge, and checks that they fit the job: the one place that does.

torch, diffusers and transformers take seconds: nothing here imports them before they are needed.
"""

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from flows.building.pipeline import Pipeline
from flows.config.cells import check_asked_for, labelled, prompt_file
from flows.config.image_model import SAMPLING, controlnet_folder, image_folder, local_folder, settled
from flows.config.prompts import Prompts
from flows.config.schema import BuildConfig, judge_settings
from flows.config.shards import KEY_DIGITS
from synth.devices import check_device
from synth.errors import UserError
from synth.prompts.quotas import NORMAL, Quotas
from synth.settings import SynthesisSettings

if TYPE_CHECKING:
    from filters.experts.opinion import Expert
    from filters.judge import Judge
    from flows.editing.retoucher import Retoucher
    from synth.editing import Editor
    from synth.generate import Synthesizer
    from synth.prompts.sampler import PromptSource

#: Films that an editor denoises together where they run side by side; on a CPU more take as much longer.
EDIT_BATCH = 8
#: Sides that the models of edits can see: experts halve them five times.
SIZE_STEP, SMALLEST, LARGEST = 32, 64, 1024

_pipelines: dict[str, Pipeline] = {}
_loading = threading.Lock()


def shared_pipeline(config: BuildConfig) -> Pipeline:
    """As :func:`load_pipeline`; loaded by the first thread that asks, shared by the others."""
    name = config.model_dump_json(exclude={"output", "workers"})
    with _loading:
        if name not in _pipelines:
            _pipelines.clear()  # one set of models at a time is what fits in memory
            _pipelines[name] = load_pipeline(config)
        return _pipelines[name]


def load_pipeline(config: BuildConfig) -> Pipeline:
    """Loads and pins everything that builds a config's candidates.

    Raises UserError with one line when a file is missing or was tampered with, when the prompts ask for
    what the image model cannot draw, or when radiographs that are to be edited cannot be.
    """
    from filters.judge import Judge
    from synth.generate import Synthesizer

    check_device(config.images.device, "images.device")
    config = settled(config)
    synthesizer = Synthesizer.load(synthesis_settings(config))
    if config.edit is not None:
        return _load_pairs(config, synthesizer, Judge.load(judge_settings(config)))
    prompts = _prompt_source(config.prompts, synthesizer.findings, config.quotas)
    _check_drawable(config, prompts, synthesizer.findings)
    judge = Judge.load(judge_settings(config))
    digests = {**synthesizer.digests, **judge.digests}
    if config.prompts.file:
        digests["prompts"] = _digest(config.prompts.file)
    return Pipeline(prompts, synthesizer, judge, digests)


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
        fast=images.model == "fast",
        batch_size=images.batch_size,
        precision=images.precision,
        device=images.device,
    )


def _prompt_source(
    prompts: Prompts, drawable: tuple[str, ...], quotas: Quotas | None = None
) -> "PromptSource":
    if prompts.file:
        file = prompt_file(prompts)
        if quotas:
            check_asked_for(quotas, file)
        return file
    from synth.prompts.sampler import PromptSampler

    return PromptSampler(
        table=prompts.table,
        findings=prompts.findings or labelled(prompts.table, drawable),
        weights=prompts.weights,
        age=prompts.age,
        sex=prompts.sex,
        view=prompts.view,
        normals=prompts.normals,
        quotas=quotas,
    )


def _check_drawable(config: BuildConfig, source: "PromptSource", drawable: tuple[str, ...]) -> None:
    """Raises when the config or a row of the prompt file asks for what the model cannot draw."""
    asked = set(config.prompts.findings or ()) | set(config.prompts.weights)
    _check_known("prompts", asked, drawable, "the image model can draw")
    cells = set(config.quotas.findings if config.quotas else ()) - {NORMAL}
    _check_known("accepted_per.findings", cells, drawable, "the image model can draw")
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


def _check_known(field: str, asked: set[str], known: tuple[str, ...], what: str) -> None:
    for name in sorted(asked - set(known)):
        raise UserError(f"{field}: {name}, expected findings that {what} ({', '.join(known)})")


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _load_pairs(config: BuildConfig, synthesizer: "Synthesizer", judge: "Judge") -> Pipeline:
    """The pipeline of a settled config with ``edit``.

    Raises UserError, one line, for radiographs, labels or an image model that cannot be used, and for
    findings that cannot be drawn or outlined.
    """
    from flows.editing.pair_sources import read_sources
    from flows.editing.pairs import PairJury, PairMaker
    from flows.editing.retoucher import Retoucher

    edit = config.edit
    assert edit is not None
    for own in judge.own.values():
        if own.embeds:
            raise UserError(
                f"filters.own: {own.name} embeds, expected none that does with edit: both samples of a pair "
                "resemble each other and their source"
            )
    editor = _editor_of(synthesizer, config)
    anatomy, findings, digests = _outlining_experts(config, judge)
    drawable = synthesizer.findings
    _check_known("edit.add", {r.name for r in edit.request.add}, drawable, "the image model can draw")
    _check_known("edit.remove", set(edit.remove), drawable, "the image model can draw")
    _check_known("edit.remove", set(edit.remove), findings.findings, "the experts can outline")
    cases = read_sources(config)
    retoucher = Retoucher(editor, synthesizer.masker, anatomy, findings, synthesizer.settings.size)
    digests = {**synthesizer.digests, **digests, "edit/source": cases.digest}
    if edit.labels is not None:
        digests["edit/labels"] = _digest(edit.labels)
    maker = PairMaker(cases, retoucher, edit.tries, drawable, synthesizer.length, digests, synthesizer.cut)
    return Pipeline(cases, maker, PairJury(judge), {**digests, **judge.digests})


def _editor_of(synthesizer: "Synthesizer", config: BuildConfig) -> "Editor":
    from synth.editing import Editor
    from synth.images.frozen.controllers import ControllerImager
    from synth.images.frozen.rough_latents import ReencodedRough
    from synth.images.model import ImageModel

    imager, folder = synthesizer.imager, config.images.checkpoint
    size = (config.images.batch_size + 1) // 2  # a batch of candidates holds about so many edited ones
    if isinstance(imager, ImageModel):
        return Editor.of_model(imager, size)
    if isinstance(imager, ControllerImager) and isinstance(imager.rough, ReencodedRough):
        return Editor.of_base(imager.base, imager.rough.colours, imager.factor, size)
    raise UserError(
        f"images.checkpoint: {folder} holds a ControlNet, expected a checkpoint without one: "
        "edits are guided by text, which a ControlNet would overrule"
    )


def _outlining_experts(config: BuildConfig, judge: "Judge") -> "tuple[Expert, Expert, dict[str, str]]":
    """Those of anatomy and of findings that outline what is edited, and their files' digests.

    They are the judge's own where it asks the embedded ones.
    """
    from filters.experts.embedded import CHECKPOINTS
    from filters.experts.ensemble import expert_digests, load_anatomy, load_findings

    root = config.filters.checkpoints or CHECKPOINTS
    size, device = config.images.batch_size, config.images.device

    def expert(name: str, load: "Callable[[], Expert]") -> "Expert":
        shared = judge.panel.experts.get(name)
        return shared if shared is not None and judge.settings.choice(name).expert == "embedded" else load()

    anatomy = expert("anatomy_agreement", lambda: load_anatomy(root, size, device))
    findings = expert("finding_agreement", lambda: load_findings(root, size, device))
    return anatomy, findings, expert_digests(root)


def load_retoucher(
    checkpoint: str | None = None, size: int | None = None, device: str = "cpu"
) -> "tuple[Retoucher, dict[str, str]]":
    """What edits single radiographs: image model, mask generator and experts, and each file's SHA-256.

    ``checkpoint``: None for the shipped model, a folder of ours or in diffusers' layout, or a hub id.
    ``size`` in pixels is what models see; None: that of the checkpoint. A ControlNet in it is not used:
    edits are told by text. Raises UserError and WeightsError, one line, for what cannot be used.
    """
    from filters.experts.ensemble import expert_digests, load_anatomy, load_findings
    from flows.editing.retoucher import Retoucher
    from synth.editing import Editor
    from synth.errors import WeightsError
    from synth.images.frozen.pipelines import INDEX, is_pipeline
    from synth.images.model import ImageModel
    from synth.masks.generator import MaskGenerator
    from synth.weights import SHIPPED, pins

    check_device(device)
    folder = local_folder(checkpoint, "checkpoint") if checkpoint else SHIPPED / "images"
    batch = 1 if device == "cpu" else EDIT_BATCH
    if is_pipeline(folder):
        editor, side, digests = _foreign_editor(folder, size, batch, device)
    else:
        if not (folder / "synthorax.json").is_file():
            raise WeightsError(
                f"checkpoint: {folder} has no {INDEX}, expected a folder in diffusers' layout, or "
                "one of ours with synthorax.json"
            )
        side = SynthesisSettings.size if size is None else size
        _check_size(side)
        digests = {f"images/{name}": value for name, value in pins(folder).items()}
        editor = Editor.of_model(ImageModel.load(folder, device), batch)
    digests |= {f"masks/{name}": value for name, value in pins(SHIPPED / "masks").items()}
    digests |= expert_digests()
    masker = MaskGenerator.load(SHIPPED / "masks")
    experts = load_anatomy(device=device), load_findings(device=device)
    return Retoucher(editor, masker, *experts, side), digests


def _foreign_editor(
    folder: Path, size: int | None, batch: int, device: str
) -> "tuple[Editor, int, dict[str, str]]":
    from synth.editing import STEPS, Editor
    from synth.errors import WeightsError
    from synth.images.frozen.loading import ForeignBase
    from synth.images.frozen.pipelines import PipelineFolder

    pipeline = PipelineFolder.read(folder, field="checkpoint").alone
    side = pipeline.size if size is None else size
    if side is None:
        raise UserError(f"size: missing, expected pixels: {folder} does not say")
    _check_size(side)
    pipeline.check_size(side, "size")
    found = ForeignBase.load(pipeline, device)
    try:
        found.base.schedule.levels(STEPS)
    except (UserError, IndexError) as error:
        raise WeightsError(f"checkpoint: {folder} cannot be sampled in {STEPS} steps: {error}") from error
    return Editor.of_base(found.base, found.colours, found.factor, batch), side, found.digests


def _check_size(size: int) -> None:
    if size % SIZE_STEP or not SMALLEST <= size <= LARGEST:
        raise UserError(f"size: {size}, expected a multiple of {SIZE_STEP} from {SMALLEST} to {LARGEST}")
