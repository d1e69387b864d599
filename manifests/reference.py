"""The parts of ``docs/dataset-format.md`` that are made from the code: ``python -m`` this, FILE."""

import re
import sys
from pathlib import Path

from filters.registry import FILTERS, THRESHOLDS
from manifests.annotations import CATEGORY_IDS
from manifests.schema import schema_table
from synth.findings import ANATOMY, FINDING_NAMES


def bit_table() -> str:
    """Bits and COCO category ids as a Markdown table."""
    lines = ["| bit | `anatomy.png` | COCO id | `lesions.png` | COCO id |", "| --- | --- | --- | --- | --- |"]
    for bit, finding in enumerate(FINDING_NAMES):
        part = ANATOMY[bit] if bit < len(ANATOMY) else ""
        part_id = CATEGORY_IDS.get(part, "")
        lines.append(f"| {bit} | {part} | {part_id} | {finding} | {CATEGORY_IDS[finding]} |")
    return "\n".join(lines)


def filter_table() -> str:
    """The shipped filters as a Markdown table, each with its threshold and what that was read off."""
    lines = [
        "| filter | what it asks | score | passes | threshold | which refuses |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, each in FILTERS.items():
        read = THRESHOLDS[name]
        refuses = (
            "provisional" if read.provisional else f"{read.percentile:g} % of {read.n:,} {read.reference}"
        )
        lines.append(
            f"| `{name}` | {each.question} | {each.unit} | {each.keep} | {read.threshold:g} | {refuses} |"
        )
    return "\n".join(lines)


def refreshed(text: str) -> str:
    """A document with its generated parts made anew."""
    for name, table in (("bits", bit_table()), ("schema", schema_table()), ("filters", filter_table())):
        marked = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- /generated -->)", re.DOTALL)
        text = marked.sub(lambda m, new=table: f"{m[1]}{new}\n{m[2]}", text)  # type: ignore[misc]
    return text


if __name__ == "__main__":
    document = Path(sys.argv[1])
    document.write_text(refreshed(document.read_text("utf-8")), "utf-8")
