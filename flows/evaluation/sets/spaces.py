"""Feature spaces that sets of films are compared in, each named by the network that it is of."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch

from filters.experts.embedded import CHECKPOINTS, ask
from filters.experts.ensemble import MEMBERS
from filters.experts.evaluators import FINDING_EVALUATOR
from filters.experts.lite import LiteExpert
from filters.experts.torchxrayvision import XrvClassifier
from filters.experts.torchxrayvision import load as load_torchxrayvision
from flows.evaluation.features import RANDOM_SEED, RandomDenseNet
from synth.errors import UserError
from synth.weights import digest

#: The space that findings and subgroups are compared in: its network never filtered, and knows findings.
EVALUATOR: Final = FINDING_EVALUATOR
#: Said of a network that also filtered what it judges.
FILTERED: Final = "also filtered this build"
#: Films that RAD-DINO is shown at a time.
BATCH = 4


@dataclass(frozen=True)
class Space:
    """``features`` (N, F) of films (N, S, S) uint8, by the network ``name`` with weights of a ``digest``."""

    name: str
    digest: str
    features: Callable[[np.ndarray], np.ndarray]

    def judge(self, weights: Mapping[str, str]) -> str:
        """Its name, with FILTERED where it is among the weights of a build."""
        return judge_name(self.name, self.digest, weights)


def judge_name(name: str, pin: str, weights: Mapping[str, str]) -> str:
    """A network's name, and whether it also filtered the build that these are the ``weights`` of."""
    return f"{name} ({FILTERED})" if pin in weights.values() else name


def load_spaces(torchxrayvision: Sequence[Path], rad_dino: Path | None, device: str = "cpu") -> list[Space]:
    """The findings expert that ships, the evaluator of findings, a random DenseNet, and those that the user
    has files of. Raises UserError, one line, for a file that cannot be used."""
    spaces = [lite_space(name, device) for name in (MEMBERS["findings"][0], EVALUATOR)]
    spaces.append(Space("random_densenet", f"{RANDOM_SEED}", RandomDenseNet().features))
    for path in torchxrayvision:
        pin = digest(path) if path.is_file() else ""
        expert = load_torchxrayvision(path, pin, device=device)
        if not isinstance(expert, XrvClassifier):
            raise UserError(f"torchxrayvision: {path} is {expert.name}, expected a classifier")
        spaces.append(Space(expert.name.replace(" ", "_"), expert.digest, expert.features))
    if rad_dino is not None:
        spaces.append(RadDino(rad_dino, device).space())
    return spaces


def lite_space(name: str, device: str = "cpu") -> Space:
    """The deepest features, averaged over the film, of a shipped network of findings."""
    expert = LiteExpert.read(CHECKPOINTS / name, device=device)

    def features(images: np.ndarray) -> np.ndarray:
        rows = expert.features(images)
        return rows.reshape(len(rows), -1, 16).mean(2)

    return Space(name, expert.digest, features)


class RadDino:
    """RAD-DINO (Pérez-García et al., 2025) or another Dinov2 in transformers' layout, from a local folder.

    Nothing is downloaded, no code of the folder runs, weights are safetensors. Its features are the pooled
    output: the class token after the last normalisation. ``first`` resamples films to so many pixels before
    the folder's own preparation, as CheXGenBench does.
    """

    def __init__(self, folder: Path, device: str = "cpu", first: int | None = None) -> None:
        from safetensors import SafetensorError
        from transformers import AutoImageProcessor, AutoModel

        if not (folder / "config.json").is_file():
            raise UserError(
                f"rad-dino: {folder} has no config.json, expected a folder in transformers' layout"
            )
        weights = folder / "model.safetensors"
        if not weights.is_file():
            raise UserError(f"rad-dino: {folder} has no {weights.name}, expected weights as safetensors")
        try:
            self.model = AutoModel.from_pretrained(folder, local_files_only=True, use_safetensors=True)
            self.processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            raise UserError(f"rad-dino: {folder} cannot be opened by transformers: {error!s:.200}") from error
        self.model.eval().to(device)
        self.device, self.first, self.digest = device, first, digest(weights)

    def space(self) -> Space:
        """Named apart where films are resampled first."""
        return Space(
            "rad_dino" if self.first is None else f"rad_dino_{self.first}", self.digest, self.features
        )

    def features(self, images: np.ndarray) -> np.ndarray:
        """(N, F) float32 of films (N, S, S) uint8."""
        rows: list[np.ndarray] = ask(images, BATCH, self._features)
        return np.stack(rows)

    @torch.inference_mode()
    def _features(self, batch: np.ndarray) -> list[np.ndarray]:
        x = torch.from_numpy(np.ascontiguousarray(batch))[:, None].repeat(1, 3, 1, 1)
        if self.first is not None:
            x = torch.nn.functional.interpolate(
                x.float(), (self.first, self.first), mode="bilinear", antialias=True
            )
            x = x.round().clamp(0, 255).byte()
        inputs = self.processor(images=list(x), return_tensors="pt").to(self.device)
        return list(self.model(**inputs).pooler_output.float().cpu().numpy())
