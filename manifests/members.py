"""The members of one sample in a tar: encoded, and decoded again.

Bit layouts: bit i of ``anatomy.png`` (8 bits) is ``ANATOMY[i]``; bit i of ``lesions.png``
(16 bits) is ``FINDING_NAMES[i]``. Structures may overlap, hence bits rather than labels.
"""

import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from manifests.annotations import CATEGORIES, annotations
from manifests.errors import DatasetError
from manifests.marks import MASKS, Origin, marked, sample_mark, source_of
from manifests.records import Record
from synth.cases import Candidate, FindingRequest
from synth.findings import ANATOMY, FINDING_NAMES

#: zlib level of every PNG. Part of the bytes: another level makes another dataset.
PNG_LEVEL = 6

#: Pixels that a picture may have: more are a bomb, or of no use here.
MOST_PIXELS = 100_000_000

#: Pillow's modes of what :func:`encode_png` writes.
_GREY = ("L", "I;16", "I")

IMAGE, ANATOMY_MASKS, LESION_MASKS, LABELS = "png", "anatomy.png", "lesions.png", "json"
PICTURES = (IMAGE, ANATOMY_MASKS, LESION_MASKS)

#: A case without findings says so by name, so that the list is never empty: a reader that infers
#: its types from the first samples (Hugging Face ``datasets``) needs one entry to see.
NO_FINDING = "no_finding"
#: In its place where the text says more than was understood: neither a finding nor none.
UNKNOWN = "unknown"


def encode_sample(record: Record, origin: Origin) -> dict[str, bytes]:
    """A record with a candidate as WebDataset members: extension to bytes, lossless, each picture marked."""
    if record.candidate is None:
        raise DatasetError(f"record {record.case.key}: no candidate to write")
    marks = sample_marks(origin, record.case.key, record.case.edit)
    pictures = sample_pictures(record.candidate)
    members = {name: marked(encode_png(pixels), marks[name]) for name, pixels in pictures.items()}
    return {**members, LABELS: json.dumps(_labels(record), ensure_ascii=False).encode()}


def sample_pictures(candidate: Candidate) -> dict[str, np.ndarray]:
    """The pixels (H, W) of each picture of a sample by its extension: uint8, of lesions uint16."""
    masks = candidate.masks
    return {
        IMAGE: candidate.image,
        ANATOMY_MASKS: pack_bits(masks.anatomy, np.uint8),
        LESION_MASKS: pack_bits(masks.lesion_channels(), np.uint16),
    }


def sample_marks(origin: Origin, key: str, edit: str) -> dict[str, bytes]:
    """The mark of each picture of a sample by its extension; ``edit`` as of its case."""
    return {name: sample_mark(origin, key, source_of(edit) if name == IMAGE else MASKS) for name in PICTURES}


def encode_png(pixels: np.ndarray) -> bytes:
    """(H, W) uint8 or uint16 as a grey PNG of the same depth."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=PNG_LEVEL)
    return out.getvalue()


def decode_png(data: bytes, shape: tuple[int, int] | None = None) -> np.ndarray:
    """The (H, W) pixels of a grey PNG: uint8, or uint16 where the file has 16 bits.

    :raises DatasetError: for another file, and before it is decoded for one that is not of ``shape`` (H, W)
        or has more than MOST_PIXELS.
    """
    try:
        with Image.open(io.BytesIO(data), formats=("PNG",)) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                raise DatasetError(f"{height} by {width} pixels, expected {MOST_PIXELS} or fewer")
            if shape is not None and (height, width) != tuple(shape):
                raise DatasetError(f"{height} by {width} pixels, expected {shape[0]} by {shape[1]}")
            if (
                image.mode not in _GREY
                or "transparency" in image.info
                or getattr(image, "is_animated", False)
            ):
                raise DatasetError(f"of mode {image.mode}, expected one grey picture")
            image.load()
            return np.asarray(image)
    except DatasetError:
        raise
    except Exception as error:  # Pillow raises whatever a broken file leads to
        raise DatasetError(f"no PNG: {' '.join(str(error).split())[:120] or type(error).__name__}") from error


def pack_bits(channels: np.ndarray, dtype: type[np.uint8] | type[np.uint16]) -> np.ndarray:
    """(C, H, W) bool to (H, W) integers whose bit c is channel c."""
    out = np.zeros(channels.shape[1:], dtype=dtype)
    for bit, channel in enumerate(channels):
        out |= channel.astype(dtype) << dtype(bit)
    return out


def unpack_bits(pixels: np.ndarray, channels: int) -> np.ndarray:
    """(H, W) integers to (channels, H, W) bool: channel c is bit c."""
    out = np.empty((channels, *pixels.shape), bool)
    for bit, channel in enumerate(out):
        np.not_equal(pixels & pixels.dtype.type(1 << bit), 0, out=channel)
    return out


def decode_anatomy(data: bytes) -> np.ndarray:
    """(5, H, W) bool from ``anatomy.png``, channels as ANATOMY."""
    return unpack_bits(decode_png(data), len(ANATOMY))


def decode_lesions(data: bytes) -> np.ndarray:
    """(13, H, W) bool from ``lesions.png``, channels as FINDING_NAMES."""
    return unpack_bits(decode_png(data), len(FINDING_NAMES))


def _labels(record: Record) -> dict[str, Any]:
    """The JSON member. Every value has one type in all samples: "" and -1 stand for not asked."""
    assert record.candidate is not None
    case, image = record.case, record.candidate.image
    return {
        "key": case.key,
        "status": record.status,
        "rejected_by": ", ".join(record.reasons),
        "prompt": case.prompt,
        "unparsed": "; ".join(case.unparsed),
        "complete": case.complete,
        "findings": finding_labels(case.findings, case.complete),
        "age": -1 if case.age is None else case.age,
        "sex": case.sex or "",
        "view": case.view or "",
        "pair": case.pair,
        "source_sha256": case.source_sha256,
        "edit": case.edit,
        "draw": case.draw,
        "seed": case.seed,
        "width": image.shape[1],
        "height": image.shape[0],
        "annotations": annotations(int(case.key), record.candidate.masks),
        "scores": [
            score(v.filter, v.outcome, v.score, v.threshold, v.keep)
            for v in record.verdicts
            if v.score is not None
        ],
        "categories": list(CATEGORIES),
    }


def finding_labels(findings: Sequence[FindingRequest], complete: bool = True) -> list[dict[str, str]]:
    """What is asked for, as ``KEY.json`` has it; ``complete``: whether that is all."""
    asked = [
        {"name": f.name, "side": f.side or "", "zone": f.zone or "", "severity": f.severity or ""}
        for f in findings
    ]
    nothing = NO_FINDING if complete else UNKNOWN
    return asked or [{"name": nothing, "side": "", "zone": "", "severity": ""}]


def score(name: str, outcome: str, value: float, threshold: float, keep: str) -> dict[str, Any]:
    """The word of the filter ``name`` that gave a score, as ``KEY.json`` has it."""
    # JSON knows neither NaN nor infinity: the largest float of that sign stands for them.
    finite = float(np.nan_to_num(np.float64(value), nan=-np.finfo(np.float64).max))
    return {
        "filter": name,
        "verdict": outcome,
        "score": finite,
        "threshold": float(threshold),
        "keep": keep,
    }
