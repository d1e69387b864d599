"""The models that edit radiographs and judge edits: the shipped ones, or a checkpoint of the user's own."""

from pathlib import Path

from filters.experts.ensemble import expert_digests, load_anatomy, load_findings
from flows.config.checkpoints import local_folder
from flows.editing.retoucher import Retoucher
from synth.editing import STEPS, Editor
from synth.errors import UserError
from synth.images.frozen.checkpoints import ForeignBase
from synth.images.frozen.pipelines import INDEX as PIPELINE_INDEX
from synth.images.frozen.pipelines import PipelineFolder, is_pipeline
from synth.images.model import ImageModel
from synth.masks.generator import MaskGenerator
from synth.settings import SynthesisSettings
from synth.weights import SHIPPED, WeightsError, pins

#: Films that an editor denoises together where they run side by side; on a CPU more take as much longer.
BATCH = 8
#: Sides that models can see: experts halve them five times.
SIZE_STEP, SMALLEST, LARGEST = 32, 64, 1024


def load_retoucher(
    checkpoint: str | None = None, size: int | None = None, device: str = "cpu"
) -> tuple[Retoucher, dict[str, str]]:
    """Image model, mask generator and experts, and the SHA-256 of each of their files.

    ``checkpoint``: None for the shipped model, a folder of ours or in diffusers' layout, or a hub id.
    ``size`` in pixels is what models see; None: that of the checkpoint. A ControlNet in it is not used:
    edits are told by text. Raises UserError and WeightsError, one line, for what cannot be used.
    """
    folder = local_folder(checkpoint, "checkpoint") if checkpoint else SHIPPED / "images"
    if is_pipeline(folder):
        editor, side, digests = _foreign(folder, size, device)
    else:
        if not (folder / "synthorax.json").is_file():
            raise WeightsError(
                f"checkpoint: {folder} has no {PIPELINE_INDEX}, expected a folder in diffusers' layout, or "
                "one of ours with synthorax.json"
            )
        side = SynthesisSettings.size if size is None else size
        _check_size(side)
        digests = {f"images/{name}": value for name, value in pins(folder).items()}
        editor = Editor.of_model(ImageModel.load(folder, device), _batch_size(device))
    digests |= {f"masks/{name}": value for name, value in pins(SHIPPED / "masks").items()}
    digests |= expert_digests()
    masker = MaskGenerator.load(SHIPPED / "masks")
    experts = load_anatomy(device=device), load_findings(device=device)
    return Retoucher(editor, masker, *experts, side), digests


def _foreign(folder: Path, size: int | None, device: str) -> tuple[Editor, int, dict[str, str]]:
    pipeline = PipelineFolder.read(folder, field="checkpoint").alone
    side = pipeline.size if size is None else size
    if side is None:
        raise UserError(f"size: missing, expected pixels: {folder} does not say")
    _check_size(side)
    pipeline.check_size(side, "size")
    found = ForeignBase.load(pipeline, device)
    try:
        found.base.schedule.levels(STEPS)
    except (ValueError, IndexError) as error:
        raise WeightsError(f"checkpoint: {folder} cannot be sampled in {STEPS} steps: {error}") from error
    editor = Editor.of_base(found.base, found.colours, found.factor, _batch_size(device))
    return editor, side, found.digests


def _check_size(size: int) -> None:
    if size % SIZE_STEP or not SMALLEST <= size <= LARGEST:
        raise UserError(f"size: {size}, expected a multiple of {SIZE_STEP} from {SMALLEST} to {LARGEST}")


def _batch_size(device: str) -> int:
    return 1 if device == "cpu" else BATCH
