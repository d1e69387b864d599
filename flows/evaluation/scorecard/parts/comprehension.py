"""Can a reader understand how it came about?"""

from collections.abc import Iterable

from flows.evaluation.scorecard.material import Material
from flows.evaluation.scorecard.part import Entry, Evidence, Part, Statement, Term
from flows.evaluation.scorecard.shares import number, share
from manifests import layout


def own(material: Material, _: Evidence) -> Iterable[Entry]:
    """Provenance, reasons, and the questions that filters asked."""
    build, index = material.build, material.index
    software = build.get("software") or {}
    commit = software.get("commit") or "a commit that is not known"
    yield Statement(
        "Made by",
        f"synthorax {software.get('synthorax', 'of a version that is not known')}, {commit}",
        "build.json: software",
    )
    yield Statement(
        "To make it again",
        f"settings {build['config_hash']}, build {index.build_hash}; `synthorax reproduce` makes one "
        "candidate again and says whether it is the same",
        "build.json: config_hash, index.json: build_hash",
    )
    yield number("weights_pinned", "SHA-256", len(build.get("weights") or {}), {})
    documents = [name for name in (layout.CARD, layout.CROISSANT) if name in index.files]
    yield number(
        "documents", "index.json", len(documents), {"documents that there may be": 2}, ", ".join(documents)
    )
    rejected = [row for row in material.rows if row["status"] == "rejected"]
    yield share("reasoned", "manifest", sum(bool(r["reasons"]) for r in rejected), len(rejected), "rejected")
    asked = "; ".join(f"{name}: {column.question}" for name, column in material.filters.items())
    yield Statement("What filters asked of each image", asked, "manifest.parquet")


PART = Part(
    name="comprehension",
    question="Can a reader understand how each sample came about, and who judged it?",
    reading=(
        "What can be read, made again and replayed. Whether a person finds the words clear has not been "
        "measured. A judge's word weighs what it is worth on real films: its figures stand here, of the "
        "experts that ship, whichever build they judged."
    ),
    terms=(
        Term(
            "expert_auroc",
            "Findings told on real films (AUROC)",
            "experts",
            "Mean of eight findings.",
            "higher",
            "unit",
        ),
        Term(
            "expert_opacity_auroc",
            "Opacity against normal (AUROC)",
            "experts",
            "RSNA's grades.",
            "higher",
            "unit",
        ),
        Term(
            "expert_pointing",
            "Map's maximum inside a radiologist's box",
            "experts",
            "Chance is the boxes' share of the lungs.",
            "higher",
            "share",
        ),
        Term(
            "weights_pinned", "Weight files pinned by SHA-256", "build", "All that made or judged a sample."
        ),
        Term(
            "documents",
            "Documents beside the data",
            "build",
            "The card for people, Croissant for programs.",
            "higher",
        ),
        Term("reasoned", "Rejected candidates with a filter named", "build", "", "higher", "share"),
    ),
    own=own,
    takes=("experts",),
)
