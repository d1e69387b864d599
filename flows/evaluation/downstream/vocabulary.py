"""What our findings mean in the words of those who labelled real films, in one place."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from flows.material.films import RSNA_BOX
from synth.errors import UserError
from synth.findings import FINDING_NAMES, FINDINGS, OPACITIES

#: RSNA's grade and box: an opacity of the lung that looks like pneumonia.
OPACITY: Final = "opacity"


@dataclass(frozen=True)
class Meaning:
    """A class of real films in our findings: those that ``show`` it, and those that ``may``: RSNA's readers
    boxed some of them and not others, so that they teach neither way."""

    show: tuple[str, ...]
    may: tuple[str, ...] = ()


_AIRSPACE: Final = Meaning(("consolidation",), tuple(n for n in OPACITIES if n != "consolidation"))

#: Classes that are boxed on real films, by the name of the box.
BOXED: Final = {
    RSNA_BOX: _AIRSPACE,
    "Atelectasis": Meaning(("atelectasis",)),
    "Cardiomegaly": Meaning(("cardiomegaly",)),
    "Effusion": Meaning(("effusion",)),
    "Infiltration": _AIRSPACE,
    "Mass": Meaning(("mass",), ("nodule",)),
    "Nodule": Meaning(("nodule",), ("mass", "diffuse_nodule")),
    "Pneumonia": _AIRSPACE,
    "Pneumothorax": Meaning(("pneumothorax",)),
}

#: Classes of whole films: RSNA's grade, and NIH's labels.
GRADED: Final = {OPACITY: _AIRSPACE} | {
    name: meaning for name, meaning in BOXED.items() if name not in (RSNA_BOX, "Infiltration", "Pneumonia")
}

#: What films outlined by people show.
OUTLINED: Final = {"lungs": Meaning(()), OPACITY: _AIRSPACE}


def finding_named(category: str) -> str | None:
    """Our name of a category of somebody's COCO file; None where nothing of ours is called so."""
    words = category.strip().lower().replace("_", " ")
    for name, finding in FINDINGS.items():
        if words in (finding.title, *finding.synonyms):
            return name
    return None


def chosen(classes: Iterable[str] | None, known: Iterable[str]) -> tuple[str, ...]:
    """The classes that are asked for, in the order of those that are known; raises UserError for others."""
    known = tuple(known)
    if classes is None:
        return known
    for name in classes:
        if name not in known:
            raise UserError(f"classes: {name!r}, expected one of {', '.join(known)}")
    return tuple(name for name in known if name in set(classes))


def shown(meaning: Meaning, lesions: Iterable[str], unsure: Iterable[str]) -> tuple[bool, bool]:
    """Whether a film with these findings shows a class, and whether anybody knows."""
    lesions, unsure = set(lesions), set(unsure)
    there = not lesions.isdisjoint(meaning.show)
    doubt = not unsure.isdisjoint(meaning.show) or not (lesions | unsure).isdisjoint(meaning.may)
    return there, there or not doubt


assert all(name in FINDING_NAMES for m in (*BOXED.values(), *GRADED.values()) for name in m.show + m.may)
