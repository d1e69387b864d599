"""The dataset card: Hugging Face's ``README.md`` with YAML front matter."""

import json
from collections.abc import Mapping
from typing import Any

import yaml

from manifests import layout
from manifests.draws import in_words, redraws_of
from manifests.image_models import shipped_model
from manifests.index import Counts
from manifests.schema import Column
from manifests.seldom import MARK, warning, with_mark
from manifests.selection import rows_of, skews
from manifests.shortages import NOTHING, Shortages
from synth.findings import FINDINGS

#: Hugging Face's size categories: upper bound (exclusive) and name.
_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)

#: Hugging Face's word for a licence that its list does not have; here: that none is stated.
_UNSTATED = "other"

#: Of builds by the fast image model that ships.
_UNINDEXED = (
    "\n\n`training_copy` knows 554 films that the best image model learned from. The fast one, which drew "
    "these, learned from 8,597 films, most of which it does not know; `synthorax evaluate BUILD --real DIR` "
    "looks for copies of those that DIR has."
)

_NOTICE = """\
> **Synthetic images.** No image shows a person. All were drawn by generative models from text and
> masks that were drawn too. They are for research on methods and for augmenting training sets,
> never for diagnosis, and a model trained on them must be judged on real radiographs."""

_EDITED = """\
> **Edited real radiographs.** These images are not purely synthetic: they are radiographs of real
> persons, unchanged (`edit` is `before`) or changed by a generative model inside masks. The terms
> under which the sources were given apply to every image. They are for research on methods, never
> for diagnosis."""

_READING = f"""\
```python
import webdataset as wds
# open masks with Pillow: .decode("pil") would drop their bits
samples = wds.WebDataset("{layout.SHARDS}/000000.tar", shardshuffle=False)

import datasets
samples = datasets.load_dataset("webdataset", data_files="{layout.SHARDS}/*.tar", split="train")

import pandas as pd
rows = pd.read_parquet("{layout.MANIFEST}")   # every candidate, rejected and failed ones too
```

| member | content |
| --- | --- |
| `KEY.png` | the radiograph, 8-bit grey, brighter is denser |
| `KEY.anatomy.png` | 8 bits a pixel, one bit for each anatomical structure |
| `KEY.lesions.png` | 16 bits a pixel, one bit for each finding |
| `KEY.json` | prompt, findings, age, sex, view, COCO annotations, scores |

`{layout.COCO}` holds the lesions of all samples for COCO tools. `{layout.NEAR_DUPLICATES}` lists
samples that resemble an earlier one of another shard: leave out its `key` column.
`{layout.INDEX}` holds the SHA-256 of every file."""


_UNCLEAR = """\
The text of what is *not known* says more than was understood (`complete` is false): the findings above
that were understood are drawn, and no other label, *none* least of all, is claimed of these samples."""


_UNDECIDED = """\
† No filter decided by it: the experts do not speak of this finding, or could not tell it on real films.
Whether it can be seen where its label says is not known."""


_SELDOM = """\
{mark} Seldom accepted: {warning}.
What passed may have passed by chance; its lesions are labels all the same."""


def dataset_card(
    build: Mapping[str, Any],
    counts: Counts,
    near_duplicates: int,
    judged_by: Mapping[str, Column],
    short: Shortages = NOTHING,
) -> str:
    """The card of a finished dataset, from its ``build.json``, its rows, and the filters that judged them."""
    edited = bool((build.get("config") or {}).get("edit"))
    title = "Counterfactual chest radiographs" if edited else "Synthetic chest radiographs"
    # Cards of builds that do not say what made them had no licence.
    licence = (build.get("config") or {}).get("licence", _UNSTATED) if "software" in build else None
    front = yaml.safe_dump(_front_matter(counts, title, edited, licence), sort_keys=False, allow_unicode=True)
    sections = [
        f"---\n{front}---",
        f"# {title}",
        _EDITED if edited else _NOTICE,
        _summary(counts, near_duplicates) + (f"\n\n{_pairs(counts)}" if edited else ""),
        f"## Reading it\n\n{_READING}",
        f"## Findings\n\n{_findings(counts)}{short.vanished_text}",
        *([f"## Quotas\n\n{short.cells_text}"] if short.quotas else []),
        *([f"## Draws\n\n{_draws(counts, redraws)}"] if (redraws := redraws_of(build)) else []),
        *([f"## Who is accepted\n\n{_shares(counts)}"] if any(counts.shares.values()) else []),
        f"## What was left out\n\n{_left_out(counts, judged_by)}{_unindexed(build)}",
        *([f"## Licence\n\n{_licence(licence, edited)}"] if licence else []),
        f"## How it was made\n\n{_made(build)}",
    ]
    return "\n\n".join(sections) + "\n"


def _front_matter(counts: Counts, title: str, edited: bool, licence: str | None) -> dict[str, Any]:
    size = next((name for bound, name in _SIZES if counts.accepted < bound), "n>10M")
    return {
        "pretty_name": title,
        **({"license": licence} if licence else {}),
        "language": ["en"],
        "task_categories": [
            "image-classification",
            "image-segmentation",
            "object-detection",
            "text-to-image",
        ],
        "tags": [
            "webdataset",
            "counterfactual" if edited else "synthetic",
            "medical",
            "radiology",
            "chest-x-ray",
        ],
        "size_categories": [size],
        "annotations_creators": ["machine-generated"],
        "configs": [
            {
                "config_name": "default",
                "data_files": [{"split": "train", "path": f"{layout.SHARDS}/*.tar"}],
            }
        ],
    }


def _summary(counts: Counts, near_duplicates: int) -> str:
    sizes = ", ".join(f"{w} x {h}" for w, h in counts.sizes) or "no images"
    return (
        f"{counts.accepted:,} accepted samples ({sizes} pixels) of {counts.candidates:,} "
        f"candidates; {counts.rejected:,} were rejected by a filter, {counts.failed:,} could not "
        f"be made. {near_duplicates:,} accepted samples resemble one of an earlier shard."
    )


def _pairs(counts: Counts) -> str:
    asked, accepted = counts.pairs["asked"], counts.pairs["accepted"]
    return (
        f"{accepted:,} of {asked:,} pairs are whole: both the radiograph as it was and the edited one are "
        "accepted. Samples with the same `pair` belong together; `edit` says what was done."
    )


def _findings(counts: Counts) -> str:
    lines = [
        "| finding | asked for | accepted | lesions shown |",
        "| --- | ---: | ---: | ---: |",
    ]
    seldom = counts.seldom or {}
    for name, n in counts.findings.items():
        if any(n.values()):
            title = FINDINGS[name].title + ("†" if name in counts.undecided else "")
            title, asked = with_mark(name, title, seldom), n["asked"]
            lines.append(f"| {title} | {asked:,} | {n['accepted']:,} | {n['lesions']:,} |")
    lines.append(f"| none | {counts.normal['asked']:,} | {counts.normal['accepted']:,} | 0 |")
    if unclear := counts.incomplete["asked"]:
        lines.append(f"| not known | {unclear:,} | {counts.incomplete['accepted']:,} | |")
    notes = [f"\n\n{_UNDECIDED}"] if counts.undecided else []
    notes += [f"\n\n{_SELDOM.format(mark=MARK, warning=warning(seldom))}"] if seldom else []
    notes += [f"\n\n{_UNCLEAR}"] if unclear else []
    return "\n".join(lines) + "".join(notes)


def _shares(counts: Counts) -> str:
    told = skews(counts.shares)
    lines = [
        "One lesion that is not seen rejects its candidate: what is accepted has other shares than what was "
        "asked for. " + ("Far from the share of all:" if told else "No group is far from the share of all.")
    ]
    lines += ["", *(f"- {words}" for words in told), ""] if told else [""]
    lines += ["| | | judged | accepted | share |", "| --- | --- | ---: | ---: | ---: |"]
    for group, value, judged, accepted in rows_of(counts.shares):
        name = with_mark(value, value.replace("_", " "), counts.seldom or {})
        lines.append(f"| {group} | {name} | {judged:,} | {accepted:,} | {accepted / judged:.0%} |")
    return "\n".join(lines)


def _draws(counts: Counts, redraws: int) -> str:
    words = in_words(counts.draws, redraws)
    lines = [
        "What a filter refuses is drawn again, with the same masks and other noise. "
        f"{words[0].upper()}{words[1:]}.",
        "",
        "| draw | judged | accepted | share |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for draw, n in enumerate(counts.draws):
        judged, accepted = n["judged"], n["accepted"]
        lines.append(f"| {draw} | {judged:,} | {accepted:,} | {accepted / max(judged, 1):.0%} |")
    return "\n".join(lines)


def _left_out(counts: Counts, judged_by: Mapping[str, Column]) -> str:
    lines = [
        "| first filter to say no | it asks that the image | candidates |",
        "| --- | --- | ---: |",
    ]
    for name, column in judged_by.items():
        rejected = counts.first_reasons.get(name, 0)
        lines.append(f"| {name} | {column.question} | {rejected:,} |")
    return "\n".join(lines)


def _unindexed(build: Mapping[str, Any]) -> str:
    return _UNINDEXED if shipped_model(build) == "fast" else ""


def _licence(licence: str, edited: bool) -> str:
    if licence != _UNSTATED:
        return f"`{licence}`, as whoever made this dataset says."
    source = "the radiographs and models" if edited else "the models below and what they learned from"
    return f"None is stated. What may be done with the images depends on the terms of {source}."


def _made(build: Mapping[str, Any]) -> str:
    parts = []
    if weights := build.get("weights"):
        rows = [f"| `{name}` | `{digest}` |" for name, digest in sorted(weights.items())]
        parts.append("\n".join(["| weights | SHA-256 |", "| --- | --- |", *rows]))
    rest = {k: v for k, v in build.items() if k != "weights"}
    text = json.dumps(rest, indent=2, sort_keys=True, ensure_ascii=False)
    parts.append(f"```json\n{text}\n```")
    return "\n\n".join(parts)
