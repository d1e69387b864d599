"""Loads what makes and judges the pairs of an edit dataset, and checks that it fits the job."""

import hashlib
from collections.abc import Callable

from filters.experts.embedded import CHECKPOINTS
from filters.experts.ensemble import expert_digests, load_anatomy, load_findings
from filters.experts.opinion import Expert
from filters.judge import Judge
from flows.building.shard import Tools
from flows.config.schema import BuildConfig
from flows.editing.pair_sources import read_sources
from flows.editing.pairs import PairJury, PairMaker
from flows.editing.retoucher import Retoucher
from synth.editing import Editor
from synth.errors import UserError
from synth.generate import Synthesizer
from synth.images.frozen.controllers import ControllerImager
from synth.images.frozen.rough_latents import ReencodedRough
from synth.images.model import ImageModel


def load_pairs(config: BuildConfig, synthesizer: Synthesizer, judge: Judge) -> tuple[Tools, dict[str, str]]:
    """The tools of a settled config with ``edit``, and the SHA-256 of what they depend on.

    Raises UserError, DatasetError or ValueError, one line, for radiographs, labels or an image model that
    cannot be used, and for findings that cannot be drawn or outlined.
    """
    edit = config.edit
    if edit is None:
        raise ValueError("edit: None, expected an edit dataset's config")
    editor = _editor(config, synthesizer)
    anatomy, findings, digests = _experts(config, judge)
    _check("edit.add", {r.name for r in edit.request.add}, synthesizer.findings, "the image model can draw")
    _check("edit.remove", set(edit.remove), synthesizer.findings, "the image model can draw")
    _check("edit.remove", set(edit.remove), findings.findings, "the experts can outline")
    cases = read_sources(config)
    retoucher = Retoucher(editor, synthesizer.masker, anatomy, findings, synthesizer.settings.size)
    digests = {**synthesizer.digests, **digests, "edit/source": cases.digest}
    if edit.labels is not None:
        digests["edit/labels"] = hashlib.sha256(edit.labels.read_bytes()).hexdigest()
    maker = PairMaker(
        cases, retoucher, edit.tries, synthesizer.findings, synthesizer.length, digests, synthesizer.cut
    )
    return Tools(cases, maker, PairJury(judge)), {**digests, **judge.digests}


def _editor(config: BuildConfig, synthesizer: Synthesizer) -> Editor:
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


def _experts(config: BuildConfig, judge: Judge) -> tuple[Expert, Expert, dict[str, str]]:
    """Those of anatomy and of findings that outline what is edited, and their files' digests.

    They are the judge's own where it asks the embedded ones.
    """
    root = config.filters.checkpoints or CHECKPOINTS
    size, device = config.images.batch_size, config.images.device

    def expert(name: str, load: Callable[[], Expert]) -> Expert:
        shared = judge.panel.experts.get(name)
        return shared if shared is not None and judge.settings.choice(name).expert == "embedded" else load()

    anatomy = expert("anatomy_agreement", lambda: load_anatomy(root, size, device))
    findings = expert("finding_agreement", lambda: load_findings(root, size, device))
    return anatomy, findings, expert_digests(root)


def _check(field: str, asked: set[str], known: tuple[str, ...], what: str) -> None:
    for name in sorted(asked - set(known)):
        raise UserError(f"{field}: {name}, expected findings that {what} ({', '.join(known)})")
