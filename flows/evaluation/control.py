"""Judges XReal's controllers: ``synthorax evaluate control``.

The paper's preset, ours, and ours with hints, on the same frozen base and the same requests, measured in one
run. docs/benchmarks.md has the figures. What was measured before is read from ``OUT/control.json``.
"""

import json
from pathlib import Path
from typing import Any

from filters.experts.evaluators import load_lesion_evaluator, load_lung_evaluator
from flows.evaluation import xreal
from synth.generate import Synthesizer
from synth.images.denoisers import FrozenDenoiser
from synth.images.frozen.control_presets import HINTED, OURS, PAPER
from synth.images.frozen.rough_latents import RoughLatents
from synth.images.model import ImageModel
from synth.settings import SynthesisSettings


def evaluate_control(out: Path, requests: int, three: int, device: str) -> None:
    """Measure each preset on ``requests`` with one lesion and on ``three`` with three lesions."""
    maker = Synthesizer.load(SynthesisSettings(device=device))
    assert isinstance(maker.imager, ImageModel), "the shipped one is ours"
    base, rough = FrozenDenoiser.of_model(maker.imager), RoughLatents.load().to(device)
    judges = load_lung_evaluator(), load_lesion_evaluator()
    out.mkdir(parents=True, exist_ok=True)
    path = out / "control.json"
    found: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    for lesions, count in ((1, requests), (3, three)):
        asked = xreal.draw_requests(maker, lesions, count)
        for name, preset in (("ours", OURS), ("hinted", HINTED), ("paper", PAPER)):
            key = f"{name}, {lesions} lesions, {count} requests"
            if key not in found:
                found[key] = xreal.measure(base, rough, judges, asked, preset, hinted=name == "hinted")
                path.write_text(json.dumps(found, indent=1) + "\n")
            print(f"{key}: {found[key]}", flush=True)
