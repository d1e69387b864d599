"""A trained checkpoint on disk: weights, config, card, and the pins of all of them."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
import yaml
from torch import Tensor

from synth.weights import SUMS, digest

DATA = {
    "nih": "NIH ChestX-ray14 (Wang et al., CVPR 2017; NIH Clinical Center), frontal radiographs",
    "nih_boxes": "boxes by radiologists of NIH ChestX-ray14 (Wang et al., CVPR 2017)",
    "nih128": "further frontal radiographs of NIH ChestX-ray14 at 128 pixels",
    "rsna": "RSNA pneumonia challenge boxes on NIH radiographs (Shih et al., 2019)",
    "lungs": "51 radiographs of ieee8023/covid-chestxray-dataset with V7 Labs lung masks",
    "landmarks": "Chest-xray-landmark-dataset (Gaggion et al., TMI 2022), 728 contours",
    "chestx_det": "ChestX-Det (Lian et al., 2021; Apache-2.0), lesion polygons of 3,025 images",
    "prepared": "the user's own radiographs, as `synthorax prepare` made them; masks by the experts",
}

#: Opens the part of a card that programs read.
FENCE = "```yaml\n"


def write_tensors(path: Path, tensors: Mapping[str, Tensor], half: bool = False) -> None:
    """Save as safetensors, floating tensors as float16 when ``half``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = {
        k: (v.half() if half and v.is_floating_point() else v).detach().cpu().contiguous()
        for k, v in tensors.items()
    }
    safetensors.torch.save_file(kept, path)


def write_config(path: Path, config: Mapping[str, Any]) -> None:
    """JSON with sorted keys."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")


def seal(
    folder: Path,
    title: str,
    data: tuple[str, ...],
    command: str,
    training: Mapping[str, Any],
    metrics: Mapping[str, Any],
    notes: str = "",
    licence: str = "apache-2.0",
) -> None:
    """Write the card and pin every file but itself and the card.

    ``licence`` is Hugging Face's identifier, e.g. ``other`` for weights that began as somebody else's.
    """
    front = {"license": licence, "library_name": "synthorax", "tags": ["chest-x-ray"]}
    about = {
        "data": [DATA[d] for d in data],
        "command": command,
        "date": date.today().isoformat(),
        "torch": torch.__version__.split("+")[0],
        "training": dict(training),
        "metrics": dict(metrics),
    }
    card = f"---\n{yaml.safe_dump(front)}---\n# {title}\n\n{FENCE}{_yaml(about)}```\n"
    (folder / "README.md").write_text(card + (f"\n{notes.strip()}\n" if notes else ""))
    pin(folder)


def amend(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Add figures to a folder's card."""
    card = folder / "README.md"
    before, about, after = _parts(card)
    about["metrics"] |= metrics
    card.write_text(f"{before}{FENCE}{_yaml(about)}```{after}")


def metrics_of(folder: Path) -> dict[str, Any]:
    """The figures of a folder's card."""
    metrics: dict[str, Any] = _parts(folder / "README.md")[1]["metrics"]
    return metrics


def _parts(card: Path) -> tuple[str, dict[str, Any], str]:
    before, _, rest = card.read_text().partition(FENCE)
    body, _, after = rest.partition("```")
    return before, yaml.safe_load(body), after


def _yaml(about: Mapping[str, Any]) -> str:
    return yaml.safe_dump(about, sort_keys=False, allow_unicode=True, width=96)


def pin(folder: Path) -> None:
    """Pin every file of a folder but its pins and the card."""
    names = sorted(
        p.relative_to(folder).as_posix()
        for p in folder.rglob("*")
        if p.is_file() and p.name not in (SUMS, "README.md")
    )
    (folder / SUMS).write_text("".join(f"{digest(folder / n)}  {n}\n" for n in names))
