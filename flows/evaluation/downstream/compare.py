"""Compare what arms teach: reads the settings, trains what is missing, writes what was found."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from flows.config.reading import apply_overrides, parse_as, read_plain
from flows.evaluation.downstream.classify import Classify
from flows.evaluation.downstream.course import Course
from flows.evaluation.downstream.detect import Detect
from flows.evaluation.downstream.result import Result
from flows.evaluation.downstream.segment import Segment
from flows.evaluation.downstream.settings import DownstreamConfig
from flows.evaluation.downstream.task import BACKBONE, Task
from flows.training.backbones import weights_file
from synth.devices import check_device

TASKS: Final[dict[str, type[Task]]] = {task.name: task for task in (Detect, Segment, Classify)}


def read_settings(
    path: Path | None, options: Mapping[str, Any], overrides: Sequence[str] = ()
) -> DownstreamConfig:
    """Those of a YAML file, with the command's own ``options`` and ``--set`` in their place. UserError, one
    line, names a field, its value and what was expected."""
    data = {} if path is None else read_plain(path)
    data |= {name: value for name, value in options.items() if value not in (None, (), [])}
    source = f"file {path}" if path else "options"
    return parse_as(DownstreamConfig, apply_overrides(data, overrides), source, overrides)


def compare(name: str, config: DownstreamConfig, command: str) -> Result:
    """Runs or goes on with one comparison of a task, and writes its result into the output folder."""
    check_device(config.device)
    if "imagenet" in config.backbones:
        weights_file(BACKBONE)  # hours later would be late to say that it is not there
    course = Course(TASKS[name](config.classes, config.size), config)
    result = Result(course, command)
    result.write(Path(config.output))
    return result
