"""What an expert says of one radiograph, and what every expert can do; free of torch."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np


class Maps(Mapping[str, np.ndarray]):
    """Maps by name, each made when it is first asked for: an expert has one of every finding, filters look
    at those that a case asks for."""

    def __init__(self, made: Mapping[str, Callable[[], np.ndarray]]) -> None:
        self._made, self._kept = made, dict[str, np.ndarray]()

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self._kept:
            self._kept[name] = self._made[name]()
        return self._kept[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._made)

    def __len__(self) -> int:
        return len(self._made)

    def __contains__(self, name: object) -> bool:
        return name in self._made


@dataclass(frozen=True)
class Opinion:
    """One expert's word on one image of H × W pixels; what it does not speak of stays empty.

    ``anatomy`` (K, H, W) float32 probabilities, channels as ``structures``. ``probabilities`` maps
    a finding to its probability in [0, 1]; the key ``opacity`` means any lung opacity. ``lesions``
    maps a finding to a localisation map (H, W) float32 in [0, 1]. ``embedding`` (D,) float32, unit
    length, tells how alike two images are. ``doubted`` are findings that it speaks of but could not tell on
    real films: no filter decides by them. ``unplaced`` are findings whose maps no outline in a real film ever
    taught or tested: no filter decides by those maps.
    """

    structures: tuple[str, ...] = ()
    anatomy: np.ndarray | None = field(default=None, repr=False)
    probabilities: dict[str, float] = field(default_factory=dict)
    lesions: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)
    embedding: np.ndarray | None = field(default=None, repr=False)
    doubted: frozenset[str] = frozenset()
    unplaced: frozenset[str] = frozenset()

    def probability_map(self, structure: str) -> np.ndarray | None:
        """(H, W) float32 in [0, 1] of a structure; None when not spoken of."""
        if self.anatomy is None or structure not in self.structures:
            return None
        return np.asarray(self.anatomy[self.structures.index(structure)])

    def mask(self, structure: str) -> np.ndarray | None:
        """(H, W) bool: where a structure is more likely than not; None when not spoken of."""
        seen = self.probability_map(structure)
        return None if seen is None else seen > 0.5


class Expert(Protocol):
    """A model that looks at radiographs.

    ``name`` says which; ``digest`` is the SHA-256 of its weights; ``findings`` and ``structures``
    are those that it speaks of. Experts are read-only once made: threads may share one.
    """

    @property
    def name(self) -> str: ...
    @property
    def digest(self) -> str: ...
    @property
    def findings(self) -> tuple[str, ...]: ...
    @property
    def structures(self) -> tuple[str, ...]: ...

    def look(self, images: np.ndarray) -> list[Opinion]:
        """One opinion per image: ``images`` (N, H, W) uint8, brighter is denser, H = W."""
        ...
