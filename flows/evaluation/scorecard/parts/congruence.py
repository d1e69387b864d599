"""Is it like real films?"""

from collections.abc import Iterable

from flows.evaluation.scorecard.material import Material
from flows.evaluation.scorecard.part import Entry, Evidence, Part, Statement, Term


def own(material: Material, _: Evidence) -> Iterable[Entry]:
    """A build has nothing to say here: its own filters are not asked whether it is like real films."""
    if material.edited:
        yield Statement(
            "What is compared",
            "The images are radiographs of real persons, as they were and edited: likeness to real films is "
            "largely that of the originals.",
            "build.json: config.edit",
        )
    else:
        yield Statement(
            "What is compared",
            f"The {material.index.counts.accepted:,} accepted images. That filters accepted them is no "
            "evidence that they are like real ones: acceptance stands in consistency.",
            "index.json: counts.accepted",
        )


PART = Part(
    name="congruence",
    question="How closely does the distribution of the images match that of real radiographs?",
    reading=(
        "Hold each distance against its floor, which is the same figure of two halves of the real films: at "
        "the floor the two cannot be told apart by this judge, and no film could do better. A judge sees "
        "only what its network or rule looks at."
    ),
    terms=(
        Term("fd", "Fréchet distance", "evaluation", "Of means and covariances of features.", "lower"),
        Term("kid", "Kernel distance (KID)", "evaluation", "Unbiased on few images, unlike FD.", "lower"),
        Term("frd", "Radiomic Fréchet distance", "evaluation", "Of texture and intensity features.", "lower"),
        Term(
            "precision",
            "Precision",
            "evaluation",
            "Of synthetic films inside the real ones' space.",
            "higher",
            "unit",
        ),
        Term(
            "density",
            "Density",
            "evaluation",
            "As precision, but outliers count less; may exceed 1.",
            "higher",
        ),
        Term(
            "two_sample_auc",
            "Classifier two-sample test (AUROC)",
            "evaluation",
            "How well a classifier tells synthetic from real: 0.5 is not at all.",
            "lower",
            "unit",
        ),
        Term(
            "spectrum_gap",
            "Spectrum gap",
            "evaluation",
            "Power of fine detail against real, in decades; 0 is alike.",
        ),
        Term(
            "authentic_synthetic",
            "Synthetic films taken for real",
            "study",
            "By readers who did not know which is which: hold it against that of real films.",
            "higher",
            "share",
        ),
        Term("authentic_real", "Real films taken for real", "study", "The readers' own floor.", "", "share"),
        Term(
            "told_apart",
            "Synthetic films told from real by readers (AUROC)",
            "study",
            "0.5 is not at all.",
            "lower",
            "unit",
        ),
        Term("quality", "Quality of synthetic films as readers see it", "study", "1 to 5.", "higher"),
        Term("quality_real", "Quality of real films as readers see it", "study", "The readers' own floor."),
    ),
    own=own,
    takes=("evaluation", "study"),
)
