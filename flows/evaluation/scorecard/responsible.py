"""The build's Croissant file with its fields of responsible AI filled from figures.

http://mlcommons.org/croissant/RAI/1.0. Everything else in it is what :mod:`manifests.croissant` writes, so
that it may stand in the place of the build's own where the dataset is published.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from flows.evaluation.scorecard.groups import subgroup_of
from flows.evaluation.scorecard.scorecard import FilledPart, Row, Scorecard
from flows.evaluation.scorecard.words import phrase
from manifests.canonical import to_json
from manifests.croissant import croissant
from synth.strict_json import parse_json

#: Figures of copies; what is found of those that were made on purpose stands in the notes.
COPIES = ("copies", "copies_learned", "copies_refused")


def responsible(card: Scorecard) -> bytes:
    """``croissant.json`` of the scored build; texts that stand there already stay, figures follow them."""
    material = card.material
    written = croissant(material.build, material.index.counts, material.index.shards, material.index.files)
    found: dict[str, Any] = parse_json(written)
    part = {filled.part.name: filled for filled in card.parts}
    downstream = _phrases(r for r in part["completeness"].rows if r.source == "downstream")
    found |= {
        "rai:dataLimitations": [
            found["rai:dataLimitations"],
            *_phrases([*part["congruence"].rows, *part["coverage"].rows]),
            *_open(card.parts),
        ],
        "rai:dataBiases": [
            found["rai:dataBiases"],
            *_phrases(part["consistency"].rows),
            *(f"{s.title}: {s.text}." for name in ("coverage", "consistency") for s in part[name].statements),
        ],
        "rai:dataUseCases": [
            *found["rai:dataUseCases"],
            *(downstream or ["No use was measured: no model was trained on it and tested on real patients."]),
        ],
        "rai:dataSocialImpact": " ".join(
            [
                found["rai:dataSocialImpact"],
                *(f"{s.title}: {s.text}." for s in part["compliance"].statements[:2]),
            ]
        ),
        "rai:personalSensitiveInformation": [
            *found["rai:personalSensitiveInformation"],
            *_phrases(r for r in part["compliance"].rows if r.figure.name in COPIES),
        ],
        "rai:dataAnnotationAnalysis": [
            *_phrases(part["constraint"].rows),
            *_phrases(r for r in part["consistency"].rows if r.source == "study"),
        ],
        "rai:dataCollectionMissingData": " ".join(
            _phrases(r for r in part["completeness"].rows if r.source == "build")
        ),
    }
    return to_json(found)


def _phrases(rows: Iterable[Row]) -> list[str]:
    """Measured figures of all and of arms; those of subgroups are in the scorecard."""
    return [phrase(row) for row in rows if row.figure.value is not None and not subgroup_of(row.figure.group)]


def _open(parts: Iterable[FilledPart]) -> Iterator[str]:
    for filled in parts:
        if names := list(dict.fromkeys(row.title for row in filled.open)):
            yield f"Not measured, {filled.part.name}: {', '.join(names)}."
