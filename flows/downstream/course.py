"""The course of a comparison: run after run, each kept once it is finished."""

import io
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

from flows.config.terminal import tell
from flows.config.workers import core_count
from flows.downstream.arms import ALL, ARMS, Run, fold_of, nested, planned
from flows.downstream.films import Films, Lessons
from flows.downstream.settings import DownstreamConfig
from flows.downstream.synthetic import synthetic_films
from flows.downstream.task import Answers, Task
from flows.training.loop import Schedule, fit
from manifests.canonical import digest
from synth.errors import UserError
from synth.seeding import derive_seed

#: What of the settings a finished run does not depend on: these may change and the rest be gone on with.
FREE = {"output", "arms", "fractions", "seeds", "backbones", "draws", "device", "threads"}

console = Console(stderr=True)


class Course:
    """One comparison in its folder: what it trains on, and the answers of its runs."""

    def __init__(self, task: Task, config: DownstreamConfig) -> None:
        self.task, self.config, self.folder = task, config, Path(config.output)
        torch.set_num_threads(config.threads or core_count())
        self.pool, self.test = task.real(config.real)
        if not len(self.test) or not (len(self.pool) or all(not ARMS[arm].real for arm in config.arms)):
            what = "test" if not len(self.test) else "train"
            raise UserError(
                f"real: {config.real} has no film to {what} on that tells of {', '.join(task.classes)}"
            )
        self.synthetic = self._synthetic()
        self._claim()

    def answers(self) -> Iterator[tuple[Run, Answers]]:
        """Each run's answers on the test films, trained where they are not there yet."""
        asked = self.config
        runs = list(planned(asked.arms, asked.fractions, asked.seeds, asked.backbones))
        for number, run in enumerate(runs, start=1):
            path = self.folder / "runs" / str(run) / "answers.npz"
            if not path.exists():
                tell(console, f"run {number} of {len(runs)}: {run}")
                self._train(run, path)
            with np.load(path) as file:
                yield run, dict(file)

    def _synthetic(self) -> Films:
        """All that are given, even where no arm asks for them yet: they are part of what a folder is for."""
        given = bool(self.config.builds or self.config.coco)
        films = synthetic_films(self.config, self.task.size)
        rows = [(film.image, f"synthetic {film.name}", self.task.truth(film)) for film in films]
        found = Films.of(rows, self.task.size)
        found = found.take([i for i, t in enumerate(found.truths) if t.known.any()])
        if given and not len(found):
            raise UserError(f"builds: no film shows or lacks {', '.join(self.task.classes)} for certain")
        if given:
            for name, there in zip(self.task.classes, found.taught, strict=True):
                if not there:
                    tell(console, f"{name}: no synthetic film shows it; synthetic arms cannot learn it")
        return found

    def _claim(self) -> None:
        """Raises UserError where the folder belongs to another comparison, and says what differs."""
        names = [
            *self.synthetic.patients.tolist(),
            *self.pool.patients.tolist(),
            *self.test.patients.tolist(),
        ]
        mine: dict[str, Any] = {
            "task": self.task.name,
            **{k: v for k, v in self.config.model_dump(mode="json").items() if k not in FREE},
            "films": digest(names),
        }
        path = self.folder / "settings.json"
        if path.exists():
            theirs: Mapping[str, Any] = json.loads(path.read_text("utf-8"))
            for key, value in mine.items():
                if theirs.get(key) != value:
                    raise UserError(
                        f"{key}: {json.dumps(value)[:200]}, expected {json.dumps(theirs.get(key))[:200]} as "
                        f"in {path}; another comparison needs another folder"
                    )
        else:
            self.folder.mkdir(parents=True, exist_ok=True)
            _put(path, (json.dumps(mine, indent=1) + "\n").encode())

    def _train(self, run: Run, path: Path) -> None:
        task, arm = self.task, ARMS[run.arm]
        parts = task.folds if arm.real else 1
        found: list[tuple[np.ndarray, Answers]] = []
        states: list[Path] = []
        for fold in range(parts):
            index, pool = self._fold(fold, parts)
            real = pool.of_patients(nested(pool.patients, run.percent or ALL, run.seed))
            lessons = Lessons.of(arm, real, self.synthetic, self.config.share)
            taught = _taught(lessons, len(task.classes))
            states.append(self.folder / "training" / (str(run) if parts == 1 else f"{run}-fold{fold}"))
            network = self._fit(run, lessons, states[-1])
            answers = task.answers(network, self.test.take(index), self.config.device)
            found.append((index, answers | {"taught": taught} if parts == 1 else answers))
        answers = found[0][1] if parts == 1 else _joined(found) | {"taught": taught}
        buffer = io.BytesIO()
        np.savez(buffer, **answers)  # type: ignore[arg-type]
        _put(path, buffer.getvalue())
        for state in states:  # of trainings that are over
            shutil.rmtree(state)

    def _fold(self, fold: int, parts: int) -> tuple[np.ndarray, Films]:
        """Which test films are asked about, and the real films that may train."""
        if parts == 1:
            return np.arange(len(self.test)), self.pool
        tested = np.array([fold_of(p, parts) == fold for p in self.test.patients])
        trained = np.array([fold_of(p, parts) != fold for p in self.pool.patients])
        return np.flatnonzero(tested), self.pool.take(trained)

    def _fit(self, run: Run, lessons: Lessons, folder: Path) -> torch.nn.Module:
        task, config = self.task, self.config
        torch.manual_seed(derive_seed(run.seed, task.name, "weights"))
        network = task.network(run.backbone).to(memory_format=torch.channels_last)
        batch = config.batch or task.batch

        def loss(_: int, rng: np.random.Generator) -> torch.Tensor:
            x, truths = lessons.draw(rng, batch)
            return task.loss(network, x.to(config.device), truths)

        steps = config.steps or task.steps
        schedule = Schedule(
            steps, config.rate or task.rate, min(50, 1 + steps // 5), 2e-2, 0.99, bf16=False, save_every=50
        )
        return fit(network, loss, schedule, folder, run.seed, config.device, resume=True).eval()


def _taught(lessons: Lessons, count: int) -> np.ndarray:
    out = np.zeros(count, bool)
    for films in (lessons.real, lessons.synthetic):
        if films is not None and len(films):
            out |= films.taught
    return out


def _joined(found: list[tuple[np.ndarray, Answers]]) -> Answers:
    """The folds' answers, each film's row in its place."""
    order = np.argsort(np.concatenate([index for index, _ in found]))
    return {name: np.concatenate([a[name] for _, a in found])[order] for name in found[0][1]}


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    temporary.write_bytes(data)
    temporary.replace(path)
