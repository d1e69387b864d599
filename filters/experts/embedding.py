"""Images as points: how alike two radiographs are, and which earlier or training image lies nearest."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save_file

from synth.errors import UserError, WeightsError
from synth.strict_json import parse_json

#: The distance from nothing: the largest cosine distance there is.
FARTHEST = 2.0
#: Components whose variance falls below this share of the first one's are noise and are left out.
VARIANCE_FLOOR = 1e-4
METADATA = "training_index"
#: The training index stands beside the weights whose features it holds, pinned with them.
INDEX = "training_index.safetensors"


def normalise(vectors: np.ndarray) -> np.ndarray:
    """Rows (…, D) scaled to unit length, float32; a zero row stays zero."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.maximum(norms, 1e-12)).astype(np.float32)


def cosine_distances(embedding: np.ndarray, others: np.ndarray) -> np.ndarray:
    """1 - cosine of the angle, in [0, 2]: ``embedding`` (D,), ``others`` (N, D), all unit; (N,)."""
    return np.clip(1 - others.astype(np.float32) @ embedding.astype(np.float32), 0, 2)


class Memory:
    """The embeddings of one shard's candidates so far, in order.

    Every candidate that an expert could be shown is remembered, accepted or rejected, so that no
    score depends on a threshold and an audit can replay any other from the manifest. One that broke
    has no image and is never here. Of one that is drawn again only the last draw is, by :meth:`without`.
    """

    def __init__(self, keys: Sequence[str] = (), embeddings: Sequence[np.ndarray] = ()) -> None:
        self._keys, self._embeddings = list(keys), list(embeddings)
        self._count = len(self._keys)

    def nearest(self, embedding: np.ndarray) -> tuple[float, str]:
        """Cosine distance in [0, 2] to the nearest remembered one, and its key; 2, "" with none."""
        if not self._count:
            return FARTHEST, ""
        distances = cosine_distances(embedding, np.stack(self._embeddings[: self._count]))
        index = int(distances.argmin())
        return float(distances[index]), self._keys[index]

    def copy(self) -> "Memory":
        """A memory that starts with the same and forgets nothing of its own into this one."""
        return Memory(self._keys[: self._count], self._embeddings[: self._count])

    def without(self, keys: Collection[str]) -> "Memory":
        """A memory of all but some candidates."""
        kept = [i for i in range(self._count) if self._keys[i] not in keys]
        return Memory([self._keys[i] for i in kept], [self._embeddings[i] for i in kept])

    def so_far(self) -> "Memory":
        """What is remembered now, whatever is added to this one later; for reading alone."""
        now = Memory()
        now._keys, now._embeddings, now._count = self._keys, self._embeddings, self._count
        return now

    def add(self, key: str, embedding: np.ndarray) -> None:
        """Remember a candidate; ``embedding`` (D,) of unit length."""
        self._keys.append(key)
        self._embeddings.append(embedding)
        self._count += 1


@dataclass(frozen=True)
class TrainingIndex:
    """The training set as unit vectors, and the projection that makes a vector of features.

    ``mean`` (F,) float32 and ``components`` (D, F) float16: a PCA whose components are divided by their
    standard deviation (whitening: what all radiographs share weighs no more than what tells two
    apart). ``embeddings`` (N, D) float16, unit rows; ``names`` (N,), what each row is.
    ``encoder`` is the digest of the network whose features these are, "" when not known.
    """

    mean: np.ndarray = field(repr=False)
    components: np.ndarray = field(repr=False)
    embeddings: np.ndarray = field(repr=False)
    names: tuple[str, ...] = field(repr=False)
    encoder: str = ""

    @classmethod
    def fit(
        cls,
        features: np.ndarray,
        names: Sequence[str],
        dimensions: int = 128,
        encoder: str = "",
    ) -> "TrainingIndex":
        """Learn the projection from training features (N, F) and embed them.

        ``dimensions`` is the most components kept; fewer remain when N or the data have fewer.
        Raises ValueError when names and features do not match or fewer than two images are given.
        """
        if len(features) != len(names) or len(features) < 2:
            raise ValueError(
                f"training index: {len(features)} feature rows and {len(names)} names, "
                "expected the same number, two at least"
            )
        mean = features.mean(0, dtype=np.float64)
        centred = features - mean
        _, singular, rows = np.linalg.svd(centred, full_matrices=False)
        variances = singular**2 / (len(features) - 1)
        kept = int((variances > VARIANCE_FLOOR * variances[0]).sum())
        kept = min(kept, dimensions)
        components = rows[:kept] / np.sqrt(variances[:kept, None])
        components = components.astype(np.float16)
        embeddings = normalise(centred @ components.T.astype(np.float64))
        return cls(
            mean.astype(np.float32),
            components,
            embeddings.astype(np.float16),
            tuple(names),
            encoder,
        )

    def project(self, features: np.ndarray) -> np.ndarray:
        """Features (N, F) as unit vectors (N, D) float32."""
        # Row by row: a product of matrices may round a row otherwise by its place among others.
        components = self.components.astype(np.float32)
        return normalise(np.stack([components @ (row - self.mean) for row in features]))

    def nearest(self, embedding: np.ndarray) -> tuple[float, str]:
        """Cosine distance in [0, 2] to the nearest training image, and that image's name."""
        distances = cosine_distances(embedding, self.embeddings)
        index = int(distances.argmin())
        return float(distances[index]), self.names[index]

    def save(self, path: Path) -> None:
        """Write a safetensors file, the same bytes each time; names and encoder in its metadata."""
        tensors = {
            "mean": self.mean,
            "components": self.components,
            "embeddings": self.embeddings,
        }
        # One entry only: safetensors writes several in an order that changes from run to run.
        metadata = {METADATA: json.dumps({"encoder": self.encoder, "names": self.names})}
        save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, path, metadata)

    @classmethod
    def load(cls, path: Path) -> "TrainingIndex":
        """Read a file that :meth:`save` wrote; WeightsError names what is wrong with it."""
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            raise WeightsError(f"training index: no file {path}") from None
        return cls.parse(data, path)

    @classmethod
    def parse(cls, data: bytes, path: Path) -> "TrainingIndex":
        """As :meth:`load`, of the content of the file ``path``."""
        try:
            tensors = load(data)
            mean, components, embeddings = (tensors[n] for n in ("mean", "components", "embeddings"))
            about = parse_json(_metadata(data)[METADATA].encode())
            names, encoder = tuple(map(str, about["names"])), str(about["encoder"])
        except (SafetensorError, UserError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise WeightsError(f"training index: {path} is not one ({error})") from None
        shapes = (mean.shape, components.shape, embeddings.shape)
        wanted = ((len(mean),), (components.shape[0], len(mean)), (len(names), components.shape[0]))
        if not (names and mean.size and components.ndim == 2 and shapes == wanted):
            raise WeightsError(f"training index: {path} is not one (shapes {shapes}, {len(names)} names)")
        if not all(np.isfinite(values).all() for values in (mean, components, embeddings)):
            raise WeightsError(f"training index: {path} is not one (numbers that are not finite)")
        return cls(mean, components, embeddings, names, encoder)


def _metadata(data: bytes) -> dict[str, str]:
    """The metadata of a safetensors file that was parsed before."""
    header = parse_json(data[8 : 8 + int.from_bytes(data[:8], "little")])
    found: dict[str, str] = header["__metadata__"]
    return found
