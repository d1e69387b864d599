"""`synthorax show`: a contact sheet of a dataset's samples."""

from pathlib import Path

from manifests.sheets.contact_sheet import contact_sheet
from manifests.store import Store
from synth.terminal import printable


def run(dataset: str, out: Path, accepted: int, rejected: int) -> None:
    """Writes the PNG and says where."""
    sheet = contact_sheet(Store(dataset), accepted=accepted, rejected=rejected)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_bytes(sheet)
    print(f"{printable(out)}: {len(sheet) / 1e6:.1f} MB")
