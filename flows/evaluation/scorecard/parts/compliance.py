"""Does it keep to privacy, licence and format?"""

from collections.abc import Iterable

from flows.evaluation.scorecard.material import Material
from flows.evaluation.scorecard.part import Entry, Evidence, Part, Statement, Term
from flows.evaluation.scorecard.shares import number, share
from flows.figures.figure import Figure
from manifests import layout
from manifests.marks import MARKED_SINCE


def own(material: Material, _: Evidence) -> Iterable[Entry]:
    """Whose pictures they are, whether they say so, licence, damage, copies that the filter refused."""
    index, seen = material.index, material.pictures
    yield _persons(material)
    licence = material.config.get("licence", "other")
    yield Statement(
        "Licence",
        "None is stated: what may be done depends on the terms of the models and of what they learned from."
        if licence == "other"
        else f"{licence}, as whoever made the dataset says.",
        "build.json: config.licence",
    )
    old = index.schema_version < MARKED_SINCE
    note = (
        f"pictures carry marks from schema version {MARKED_SINCE} on, this is {index.schema_version}"
        if old
        else ""
    )
    yield share("marked", "XMP packets", seen.marked, seen.pictures, "pictures opened", note=note)
    if "training_copy" in material.filters:
        refused = sum("training_copy" in row["reasons"] for row in material.rows)
        judged = index.counts.candidates - index.counts.failed
        yield share("copies_refused", "training_copy filter", refused, judged, "candidates judged")
    if material.problems is None:
        yield Figure("problems", "synthorax verify", None, note="run `synthorax verify BUILD`")
    else:
        note = "; ".join(f"{p.path}: {p.what}" for p in material.problems[:3])
        files = len(index.files) + sum(len(s.files) for s in index.shards)
        yield number("problems", "synthorax verify", len(material.problems), {"files": files}, note)
    yield Statement(
        "Format",
        f"WebDataset tars, Parquet and COCO, schema version {index.schema_version}"
        + ("; Croissant 1.1 with the vocabulary RAI" if layout.CROISSANT in index.files else ""),
        "index.json: schema_version, files",
    )


def _persons(material: Material) -> Statement:
    if material.edited:
        text = (
            "Real persons: radiographs of them, as they were and edited. "
            "Their sources' terms apply to every image."
        )
    else:
        text = "Nobody: every image was drawn by generative models from text and masks that were drawn too."
    return Statement("Who is shown", text, "build.json: config.edit")


PART = Part(
    name="compliance",
    question="Does the dataset keep to privacy, licences and the formats that it claims?",
    reading=(
        "A copy that is not found is no proof that there is none: read copies beside the detector's own "
        "recall on disguised copies. These are technical checks, no legal opinion, and no measure of "
        "differential privacy: none is claimed."
    ),
    terms=(
        Term(
            "copies",
            "Copies of training films",
            "evaluation",
            "Nearer to one of the filter's index than the filter allows.",
            "lower",
            "share",
        ),
        Term(
            "copies_learned",
            "Copies of all films that the image model learned from",
            "evaluation",
            "Nearer to one than 99 % of unseen real films are, in each of three spaces.",
            "lower",
            "share",
        ),
        Term(
            "copies_found",
            "Copies made on purpose that are found",
            "evaluation",
            "Of films learned from, altered; by the same rule in the same spaces.",
            "higher",
            "share",
        ),
        Term(
            "copies_refused",
            "Candidates refused as copies",
            "build",
            "They are not in the dataset.",
            "",
            "share",
        ),
        Term(
            "marked",
            "Pictures that say that they are synthetic",
            "build",
            "By IPTC's digital source type, with this build and their key.",
            "higher",
            "share",
        ),
        Term(
            "problems",
            "Problems that verify finds",
            "build",
            "Every byte hashed, counted and reopened.",
            "lower",
        ),
    ),
    own=own,
)
