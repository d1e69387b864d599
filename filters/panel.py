"""Which expert each filter asks, loaded once and shared by every shard and thread."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from filters.experts.embedded import CHECKPOINTS, WEIGHTS
from filters.experts.embedding import INDEX, TrainingIndex
from filters.experts.ensemble import expert_folders, load_anatomy, load_findings
from filters.experts.opinion import Expert
from filters.filter import Filter, Kind
from filters.registry import FILTERS
from filters.settings import FilterChoice, JudgeSettings
from synth.errors import UserError, WeightsError
from synth.weights import read_pinned, verify_folder


@dataclass(frozen=True)
class Panel:
    """The experts of one judge.

    ``experts`` maps a filter that asks one to its expert; a disabled filter has none. ``embedder`` makes
    the embeddings that duplicates and copies are found by, and ``index`` is the training set in its
    space; both None when no enabled filter embeds. ``digests`` maps every file that a score depends on to
    its SHA-256.
    """

    experts: dict[str, Expert]
    embedder: Expert | None = None
    index: TrainingIndex | None = None
    digests: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, settings: JudgeSettings, own: Mapping[str, Filter] | None = None) -> "Panel":
        """Load what the enabled filters, those that ship and ``own``, need and nothing else.

        Raises UserError (WeightsError is one) in one line for weights that are missing, not
        what their pin says, or of a kind that the filter cannot ask.
        """
        return _Loader(settings, {**FILTERS, **(own or {})}).panel()


class _Loader:
    """Loads each expert once, however many filters ask it."""

    def __init__(self, settings: JudgeSettings, filters: Mapping[str, Filter]) -> None:
        self.settings = settings
        self.filters = [f for f in filters.values() if settings.choice(f.name).enabled]
        self.root = settings.checkpoints or CHECKPOINTS
        self.digests: dict[str, str] = {}
        self.loaded: dict[object, Expert] = {}
        self.index: TrainingIndex | None = None

    def panel(self) -> Panel:
        embeds = any(f.embeds for f in self.filters)
        if embeds:
            self.index = self._index()
        embedder = self._embedded("anatomy") if embeds else None
        experts = {
            f.name: self._expert(f.name, f.asks, self.settings.choice(f.name)) for f in self.filters if f.asks
        }
        return Panel(experts, embedder, self.index, self.digests)

    def _expert(self, name: str, kind: Kind, choice: FilterChoice) -> Expert:
        if choice.expert == "embedded":
            return self._embedded(kind)
        assert choice.weights is not None, "settings have checked"
        assert choice.sha256 is not None, "settings have checked"
        return self._torchxrayvision(name, kind, choice.weights, choice.sha256)

    def _embedded(self, kind: str) -> Expert:
        if kind not in self.loaded:
            size, device = self.settings.batch_size, self.settings.device
            if kind == "anatomy":
                self.loaded[kind] = load_anatomy(self.root, size, device, self.index)
            else:
                self.loaded[kind] = load_findings(self.root, size, device)
            for folder in expert_folders(kind, self.root):
                self._record(folder)
        return self.loaded[kind]

    def _torchxrayvision(self, name: str, kind: str, path: Path, sha256: str) -> Expert:
        from filters.experts.torchxrayvision import load  # heavy, and asked for by few

        if (path, sha256) not in self.loaded:
            settings = self.settings
            self.loaded[path, sha256] = load(path, sha256, settings.batch_size, settings.device)
        expert = self.loaded[path, sha256]
        if not (expert.structures if kind == "anatomy" else expert.findings):
            raise UserError(f"filters.{name}.weights: {expert.name} does not speak of {kind}")
        self.digests[f"filters/{name}/{path.name}"] = expert.digest
        return expert

    def _index(self) -> TrainingIndex:
        folder = self.root / "anatomy"
        return TrainingIndex.parse(read_pinned(folder, INDEX), folder / INDEX)

    def _record(self, folder: str) -> None:
        """Every pinned file of the folder is part of what a score depends on: config.json too."""
        pins = verify_folder(self.root / folder)
        if folder == "anatomy":
            _same_encoder(self.index, pins[WEIGHTS])
        unused = INDEX if self.index is None else ""
        self.digests |= {
            f"filters/{folder}/{name}": digest for name, digest in pins.items() if name != unused
        }


def _same_encoder(index: TrainingIndex | None, digest: str) -> None:
    """Refuse an index made by another network: its distances would mean nothing."""
    if index and index.encoder and index.encoder != digest:
        raise WeightsError(
            f"weights: {INDEX} was made with {WEIGHTS} {index.encoder[:12]}…, "
            f"expected {digest[:12]}…; make it again"
        )
