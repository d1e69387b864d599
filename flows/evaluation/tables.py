"""The figures of ``synthorax evaluate models`` as the tables of docs/benchmarks.md, each with its bar."""

from collections.abc import Iterable, Sequence
from typing import Any

from flows.figures.masks import CLOSE

#: What the project holds itself to.
PSNR, SSIM = 36, 0.95
LUNG_DICE, MOVED, FOUND, DECADES, FRECHET, COVERAGE, NEARER = 0.95, 4, 0.85, 0.3, 2.5, 0.6, 0.01
FITTING, TOGETHER, SIDE, ZONE, DIVERSE = 10, 0.9, 0.97, 0.9, 0.5

#: What is measured, its figure (bold where it misses its bar), and the bar.
Row = tuple[str, str, str]


def tables(figures: dict[str, Any]) -> str:
    """Markdown, a table each of experts, masks and images; ``figures`` as evaluation.json has them, real
    data included.
    """
    parts = [
        ("Experts and codec", expert_rows(figures)),
        ("Pseudo-masks", mask_rows(figures["masks"])),
        ("Images", image_rows(figures)),
    ]
    return "\n".join(f"## {title}\n\n{_table(rows)}" for title, rows in parts)


def expert_rows(figures: dict[str, Any]) -> list[Row]:
    """Of codec, anatomy expert, finding expert and evaluator of attributes on held-out real images."""
    codec, anatomy, who = (figures[k] for k in ("codec", "anatomy_expert", "attributes_of_real"))
    lungs = [
        (
            f"{what}, {part['images']} human masks: lung Dice",
            _bold(f"{part['lung_dice']:.3f}", part["lung_dice"] >= LUNG_DICE)
            + f", worst {part['worst']:.3f}",
            str(LUNG_DICE),
        )
        for what, part in (
            ("anatomy expert", anatomy["first"]),
            ("both anatomy experts, as the filter asks them", anatomy["both"]),
        )
    ]
    return [
        (
            f"codec, {codec['images']} radiographs as stored: PSNR, SSIM",
            _bold(f"{codec['psnr_db']:.2f} dB", codec["psnr_db"] >= PSNR)
            + ", "
            + _bold(f"{codec['ssim']:.3f}", codec["ssim"] >= SSIM),
            f"{PSNR} dB, {SSIM}",
        ),
        *lungs,
        (
            f"evaluator of attributes, {who['images']} radiographs: sex and view AUROC",
            f"{who['sex_auroc']:.2f}, {who['view_auroc']:.2f}",
            "",
        ),
        (
            "its error of age (that of the mean); correlation in all (in adults)",
            f"{who['age_error']:.1f} years ({who['age_error_of_the_mean']:.1f}); "
            f"{who['age_correlation']:.2f} ({who['age_correlation_of_adults']:.2f})",
            "",
        ),
    ]


def mask_rows(masks: dict[str, Any]) -> list[Row]:
    """Of :func:`flows.figures.masks.mask_figures`."""
    ratios = {n: v["ratio"] for n, v in masks["distances"].items()}
    far = [
        f"{_title(n)} ({', '.join(f'{m} {x:.2f}' for m, x in r.items() if x > CLOSE)})"
        for n, r in ratios.items()
        if max(r.values()) > CLOSE
    ]
    fit, together, alike = (
        masks[k] for k in ("findings_that_fit", "co_occurrence_correlation", "same_prompt_iou")
    )
    others = masks["findings_that_fit_with_other_seeds"]
    inside = [masks["inside_lungs"][k]["5th_percentile"] for k in ("made", "real")]
    return [
        (
            f"findings whose area and centroid lie within {CLOSE} of the halves' distance",
            _bold(f"{fit} of {len(ratios)}", fit >= FITTING)
            + f" (other seeds: {', '.join(map(str, others))})",
            str(FITTING),
        ),
        ("those that do not", "; ".join(far) or "none", ""),
        ("correlation of co-occurrence", _bold(f"{together:.3f}", together >= TOGETHER), str(TOGETHER)),
        ("side right", _share(masks["side_right"], SIDE), f"{SIDE:.0%}"),
        ("zone right", _share(masks["zone_right"], ZONE), f"{ZONE:.0%}"),
        (
            "area inside the lungs, 5th percentile (real)",
            _bold(f"{inside[0]:.2f} ({inside[1]:.2f})", inside[0] >= inside[1]),
            "real",
        ),
        ("IoU of two samples of one prompt", _bold(f"{alike:.2f}", alike <= DIVERSE), f"at most {DIVERSE}"),
    ]


def image_rows(figures: dict[str, Any]) -> list[Row]:
    """Of the product's own prompts and of the set alike the held-out radiographs."""
    return [
        *_lungs(figures),
        *_lesions(figures),
        *_likeness(figures),
        *(r for label, s in _sets(figures) for r in _attributes(label, s["attributes"])),
        *_ageing(figures),
    ]


def _sets(figures: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    return [("product's prompts", figures), ("alike", figures["alike"])]


def _lungs(figures: dict[str, Any]) -> Iterable[Row]:
    for label, part in _sets(figures):
        by, expert = part["lungs"]["evaluator"], part["lungs"]["expert"]
        dice = by["lung_dice"]
        yield (
            f"lung Dice against the mask asked for, by the independent evaluator, {label}",
            _bold(f"{dice:.3f}", dice >= LUNG_DICE) + f", 5th percentile {by['5th_percentile']:.3f}",
            str(LUNG_DICE),
        )
        yield (
            f"the same by the expert whose masks taught the generator, {label}",
            f"{expert['lung_dice']:.3f}",
            "",
        )
    for label, part in _sets(figures):
        accepted = part["accepted"]
        refused = ", ".join(f"{_title(k)} {v}" for k, v in accepted["refused_by"].items() if v)
        yield f"accepted, {label}", f"{accepted['accepted']} of {accepted['images']} (refused: {refused})", ""


def _lesions(figures: dict[str, Any]) -> Iterable[Row]:
    moves = {n: f["ratio"] for n, f in figures["moved_lesions"].items() if "ratio" in f}
    pairs = max(f["pairs"] for f in figures["moved_lesions"].values())
    yield (
        "lesion mask moved, same noise: change inside over elsewhere in the lungs, "
        f"{len(moves)} findings of {len(figures['moved_lesions'])}, {pairs} pairs each",
        _ranked(moves, "{:.1f}", MOVED),
        str(MOVED),
    )
    found = figures["requested_lesions"]
    for key, what in (
        ("placed", "its map where it was asked for against the same place with the lesion elsewhere"),
        ("present", "its probability against that of images without a finding"),
    ):
        each = {n: f[key] for n, f in found["by_finding"].items()}
        yield (
            f"requested lesion found by the independent evaluator, AUROC over {len(each)} findings: {what}",
            f"{_bold(f'{found[key]:.3f}', found[key] >= FOUND)}: {_ranked(each, '{:.2f}')}",
            str(FOUND),
        )


def _likeness(figures: dict[str, Any]) -> Iterable[Row]:
    power = figures["spectrum"]
    yield (
        "power at 64 to 128 cycles per image against real, log10 (worst eighth of the band)",
        _bold(f"{power['decades']:+.2f}", abs(power["decades"]) <= DECADES) + f" ({power['worst']:+.2f})",
        f"±{DECADES}",
    )
    for space, sets in figures["fidelity"].items():
        for kind, f in sets.items():
            near = min(f["density"], f["coverage"])
            yield (
                f"{_title(space)}'s space, {kind} images alike: Fréchet distance over that of halves of the "
                f"real ones, {f['frechet_sample']} images each",
                _bold(f"{f['frechet_ratio']:.2f}", f["frechet_ratio"] <= FRECHET),
                str(FRECHET),
            )
            yield (
                f"density, coverage, {f['sample']} images each",
                _bold(f"{f['density']:.2f}, {f['coverage']:.2f}", near >= COVERAGE),
                str(COVERAGE),
            )
            yield "classifier two-sample test, AUROC", f"{f['two_sample_auc']:.2f}", "reported"
    for space, f in figures["memorisation"].items():
        yield (
            f"{_title(space)}: accepted images nearer to a training image than the 1st percentile of "
            "held-out real ones",
            _bold(f"{f['share']:.1%} of {f['generated']}", f["share"] < NEARER),
            f"{NEARER:.0%}",
        )
    for space, f in figures["copies"].items():
        kinds = ", ".join(f"{_title(n)} {v:.0%}" for n, v in f.items() if n not in ("auroc", "nearest"))
        yield (
            f"copies of held-out films found by features of {space} (AUROC of films being one patient's; "
            "nearest other film the same patient's)",
            f"{kinds} ({f['auroc']:.2f}; {f['nearest']:.0%})",
            "reported",
        )


def _attributes(label: str, seen: dict[str, Any]) -> Iterable[Row]:
    for name in ("sex", "view"):
        f = seen[name]
        yield (
            f"{name} of the prompt recovered by the evaluator, AUROC, {label}",
            _bold(f"{f['auroc']:.2f}", f["interval"][0] > 0.5) + _between(f["interval"]),
            "above chance",
        )
    f = seen["age"]
    yield (
        f"age of the prompt recovered by the evaluator, correlation, {label}",
        _bold(f"{f['correlation']:.2f}", f["interval"][0] > 0)
        + _between(f["interval"])
        + f", error {f['error']:.1f} years (without looking: {f['error_without_looking']:.1f}; the best "
        f"constant: {f['error_of_the_best_constant']:.1f})",
        "above chance",
    )


def _ageing(figures: dict[str, Any]) -> Iterable[Row]:
    f = figures["aged"]
    yield (
        f"{f['pairs']} patients, each asked for twice, {f['asked']} years apart: seen as older, in how many",
        _bold(f"{f['years']:+.1f} years", f["interval"][0] > 0)
        + _between(f["interval"])
        + f", {f['share']:.0%}",
        "above chance",
    )


def _between(interval: Sequence[float]) -> str:
    return f" ({interval[0]:.2f} to {interval[1]:.2f})"


def _ranked(values: dict[str, float], form: str, least: float | None = None) -> str:
    """Findings and figures, the greatest first; those under ``least`` bold."""
    ordered = sorted(values.items(), key=lambda item: -item[1])
    return ", ".join(_bold(f"{_title(n)} {form.format(v)}", least is None or v >= least) for n, v in ordered)


def _share(value: float, least: float) -> str:
    return _bold(f"{value:.1%}", value >= least)


def _bold(text: str, met: bool) -> str:
    return text if met else f"**{text}**"


def _title(name: str) -> str:
    return name.replace("_", " ")


def _table(rows: Iterable[Row]) -> str:
    head = ("what", "figure", "wanted"), ("---",) * 3
    return "".join(f"| {' | '.join(row)} |\n" for row in (*head, *rows))
