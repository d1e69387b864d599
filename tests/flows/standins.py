"""Quick stand-ins for the models, for tests of scheduling alone; run as a script it is the CLI."""

import hashlib
import os
import time
from pathlib import Path

import numpy as np

from filters.registry import FILTERS
from filters.verdicts import Score, verdict
from synth.cases import Candidate, Case, FindingRequest, Lesion, MaskSet
from synth.findings import ANATOMY
from synth.seeding import derive_seed, numpy_generator

SIZE = 64


class Prompts:
    notes = ()
    length = None

    def case(self, seed, key):
        name = ("effusion", "nodule")[int(key) % 2]
        return Case(key, derive_seed(seed, key, "case"), f"{name} {key}", (FindingRequest(name),))


class Synthesizer:
    """``broken``: key -> how many more times it raises; ``delay``: seconds a step takes."""

    findings, length = ("effusion", "nodule"), 77
    digests = {"standin": hashlib.sha256(b"standin").hexdigest()}  # noqa: RUF012

    def __init__(self, steps=2, delay=0.0, broken=None):
        self.steps, self.delay, self.broken = steps, delay, broken or {}
        self.drawn, self.cut = [], []

    def masks(self, case):
        rng = numpy_generator(case.seed, case.key, "masks")
        anatomy = np.zeros((len(ANATOMY), SIZE, SIZE), bool)
        for i in range(len(ANATOMY)):
            y, x = rng.integers(8, 40, 2)
            anatomy[i, y : y + 16, x : x + 16] = True
        lesion = np.zeros((SIZE, SIZE), bool)
        y, x = rng.integers(8, 50, 2)
        lesion[y : y + 6, x : x + 6] = True
        return MaskSet(anatomy, (Lesion(case.findings[0].name, lesion),))

    def radiographs(self, cases, masks, should_stop=None):
        from synth.errors import Interrupted

        self.drawn.append([case.key for case in cases])
        for case in cases:
            if self.broken.get(case.key, 0):
                self.broken[case.key] -= 1
                raise RuntimeError(f"out of luck\nwith {case.key}")
        for _ in range(self.steps):
            if should_stop and should_stop():
                raise Interrupted
            time.sleep(self.delay)
        return np.stack(
            [
                numpy_generator(c.seed, c.key, c.stage("image")).integers(0, 256, (SIZE, SIZE), np.uint8)
                for c in cases
            ]
        )

    def candidates(self, cases, masks, should_stop=None):
        images = self.radiographs(cases, masks, should_stop)
        return [Candidate(*parts) for parts in zip(cases, masks, images, strict=True)]


class Judge:
    """``refused``: findings of which none passes."""

    digests: dict[str, str] = {}  # noqa: RUF012
    own: dict[str, object] = {}  # noqa: RUF012

    def __init__(self, refused=()):
        self.refused = refused

    def for_shard(self):
        return self

    def forget(self, keys):
        pass  # nothing is remembered

    def judge(self, candidates):
        from filters.judge import Judgement

        out = []
        for candidate in candidates:
            score = float(candidate.image.mean() % 1)  # well spread: about half pass
            if any(request.name in self.refused for request in candidate.case.findings):
                score = 0.0
            verdicts = tuple(
                verdict(
                    name,
                    Score(score, "" if name == "integrity" else "low"),
                    0.4 if name == "lesion_agreement" else -1.0,
                    info.keep,
                )
                for name, info in FILTERS.items()
            )
            out.append(Judgement(verdicts, np.eye(1, 8, dtype=np.float32)[0]))
        return out


def digests(folder):
    """Relative path -> SHA-256 of everything that a reader may look at."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file() and path.name != ".lock"
    }


def load_pipeline(config, delay=0.0, broken="", refused=()):
    """In the place of the real one."""
    from flows.building.pipeline import Pipeline
    from flows.loading import _prompt_source

    synthesizer = Synthesizer(config.images.steps, delay, dict.fromkeys(broken.split(","), 99))
    own = config.prompts.file or config.accepted_per
    source = (config.prompts, synthesizer.findings, config.quotas)
    prompts = _prompt_source(*source) if own else Prompts()
    return Pipeline(prompts, synthesizer, Judge(refused), {**synthesizer.digests, **Judge.digests})


def main():
    """The command line with the stand-ins; STANDIN_DELAY is the seconds that a step takes."""
    from flows import loading
    from flows.cli import main

    delay = float(os.environ.get("STANDIN_DELAY", "0"))
    loading.load_pipeline = lambda config: load_pipeline(config, delay)
    main()


if __name__ == "__main__":
    main()
