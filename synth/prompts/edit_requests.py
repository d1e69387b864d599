"""What a user asks to be changed in a radiograph, before anyone has looked at it. Free of torch."""

from dataclasses import dataclass

from synth.cases import FindingRequest
from synth.errors import UserError
from synth.findings import FINDING_NAMES, FINDINGS

#: A heart is not edited: it would have to be moved, not painted over.
UNEDITABLE = ("cardiomegaly",)
#: Regions of findings that go where lungs are cleared.
LUNGS = ("lungs", "pleura")
EDITABLE = tuple(name for name in FINDING_NAMES if name not in UNEDITABLE)


@dataclass(frozen=True)
class EditRequest:
    """Findings to ``remove`` and findings to ``add``, with side, zone and severity where they were said.

    ``replace``: what is added lies on the side and in the zone of what is removed, unless its own were said.
    ``everywhere``: both lungs are cleared, not only where what is removed is seen or masked.
    Raises UserError for nothing to do, for a finding that cannot be edited, and for lungs that are cleared
    where something is added or what is removed lies elsewhere.
    """

    remove: tuple[str, ...] = ()
    add: tuple[FindingRequest, ...] = ()
    replace: bool = False
    everywhere: bool = False

    def __post_init__(self) -> None:
        if not (self.remove or self.add):
            raise UserError("edit: nothing to remove or add, expected a finding")
        if self.everywhere and self.add:
            raise UserError("everywhere: with something to add, expected findings to remove alone")
        for name in (*self.remove, *(request.name for request in self.add)):
            if name not in EDITABLE:
                raise UserError(f"finding: {name!r}, expected one of {', '.join(EDITABLE)}")
            if self.everywhere and FINDINGS[name].region not in LUNGS:
                raise UserError(f"everywhere: with {name!r}, expected findings of lungs and pleura")

    def __str__(self) -> str:
        """E.g. ``removed consolidation, added effusion left lower``."""
        where = " everywhere" if self.everywhere else ""
        said = [f"removed {name.replace('_', ' ')}{where}" for name in self.remove]
        for r in self.add:
            words = (r.name.replace("_", " "), r.side, r.zone, r.severity)
            said.append("added " + " ".join(w for w in words if w))
        return ", ".join(said)

    def leaves(self, name: str) -> bool:
        """Whether a finding that a radiograph shows is still there afterwards: none is in cleared lungs."""
        cleared = self.everywhere and FINDINGS[name].region in LUNGS
        return name not in self.remove and not cleared
