"""How a DICOM header says that stored values are shown, and the way from them to grey values and back.

PS3.3: stored values go through the Modality LUT (C.11.1: a table or a rescale) and one of the VOI LUTs
(C.11.2: a table, or a window that is a line or a sigmoid), and are shown as they are or inverted
(C.7.6.3.1.2, C.11.6.1.2). Rescale and a straight window are a line; what is not is drawn up by pydicom as a
curve over all values.
"""

from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.pixels import apply_modality_lut, apply_voi, apply_windowing

from manifests.errors import DatasetError
from manifests.films.originals import default_window

_FUNCTIONS: Final = ("LINEAR", "LINEAR_EXACT", "SIGMOID")
#: Least share of a film's pixels that a view has to show as neither black nor white.
_SHOWN: Final = 0.05
#: How far a table may go against its own direction, as a share of all that it rises and falls.
_WAVERS: Final = 0.01


@dataclass(frozen=True)
class GreyScale:
    """``least``: the smallest value that can be stored, ``top``: how many lie above it.

    ``negative``: whether larger ones are shown darker. ``window`` and ``curve`` as of
    :class:`manifests.films.originals.Original`.
    """

    least: int
    top: int
    negative: bool
    window: tuple[float, float]
    curve: np.ndarray | None = None

    @classmethod
    def of(cls, path: Path, header: Dataset, stored: np.ndarray) -> "GreyScale":
        """That of a film's ``stored`` (H, W) values.

        :raises DatasetError: for a header that contradicts itself, and tables that show nothing or have no
            direction.
        """
        bits = header.BitsStored
        least, top = -(1 << (bits - 1)) if header.get("PixelRepresentation", 0) else 0, (1 << bits) - 1
        inverted, used = _is_shown_inverted(path, header), _without_padding(header, stored)
        _check_rescale(path, header)
        if not _is_curved(path, header):
            negative = inverted != (_rescale(header)[0] < 0)
            grey = (top - (used - least)) if negative else used - least
            return cls(least, top, negative, _window(header, grey, negative, least, top))
        values = _shown(path, header, least, top, used)
        there = np.unique(used) - least
        values, falls = _one_way(path, values, there)
        negative = falls != inverted
        if inverted:
            values = 1 - values
        curve = np.ascontiguousarray((values[::-1] if negative else values).astype(np.float32))
        curve.setflags(write=False)
        return cls(least, top, negative, (0.0, float(top)), curve)

    def grey(self, stored: np.ndarray) -> np.ndarray:
        """Stored values as those of :attr:`Original.pixels`: from 0, brighter is denser."""
        grey = stored.astype(np.int32) - self.least
        if self.negative:
            grey = self.top - grey
        return grey.astype(np.uint8 if self.top == 255 else np.uint16)


def to_stored(pixels: np.ndarray, header: Dataset, negative: bool) -> np.ndarray:
    """The inverse of :meth:`GreyScale.grey`: (H, W) int32."""
    top = (1 << header.BitsStored) - 1
    least = -(1 << (header.BitsStored - 1)) if header.get("PixelRepresentation", 0) else 0
    grey = pixels.astype(np.int32)
    return (top - grey if negative else grey) + least


def _is_shown_inverted(path: Path, header: Dataset) -> bool:
    """Whether what the tables give is shown inverted: by Photometric Interpretation.

    A Presentation LUT Shape has to agree with it (C.8.11.3), for viewers follow the one or the other.
    """
    photometric = header.PhotometricInterpretation
    inverse = photometric == "MONOCHROME1"
    if header.get("PresentationLUTSequence"):
        raise DatasetError(f"{path}: has a PresentationLUTSequence, expected a PresentationLUTShape or none")
    shape, fits = str(header.get("PresentationLUTShape") or "").strip(), "INVERSE" if inverse else "IDENTITY"
    if shape not in ("", fits):
        raise DatasetError(
            f"{path}: PresentationLUTShape is {shape} with {photometric}, expected {fits}: which way round "
            "the film is shown is left open"
        )
    return inverse


def _check_rescale(path: Path, header: Dataset) -> None:
    for name, value in zip(("RescaleSlope", "RescaleIntercept"), _rescale(header), strict=True):
        if not np.isfinite(value) or (name == "RescaleSlope" and value == 0):
            raise DatasetError(f"{path}: {name} is {value:g}, expected a number other than 0")


def _rescale(header: Dataset) -> tuple[float, float]:
    """Rescale Slope and Intercept (C.11.1), 1 and 0 where the header has none."""
    slope, intercept = header.get("RescaleSlope"), header.get("RescaleIntercept")
    return 1.0 if slope in (None, "") else float(slope), float(intercept or 0)


def _is_curved(path: Path, header: Dataset) -> bool:
    """Whether values are shown by more than a line."""
    function = str(header.get("VOILUTFunction") or "LINEAR").strip().upper()
    if function not in _FUNCTIONS:
        raise DatasetError(f"{path}: VOILUTFunction is {function}, expected {', '.join(_FUNCTIONS)}")
    sigmoid = function == "SIGMOID" and _voi_window(header) is not None
    return bool(header.get("ModalityLUTSequence") or header.get("VOILUTSequence") or sigmoid)


def _without_padding(header: Dataset, stored: np.ndarray) -> np.ndarray:
    """The values of a film but for Pixel Padding (C.7.5.1.1.2), int32; all where it is nothing else."""
    padding, limit = header.get("PixelPaddingValue"), header.get("PixelPaddingRangeLimit")
    if padding is None:
        return stored.astype(np.int32)
    ends = sorted((int(padding), int(padding if limit is None else limit)))
    used = stored[(stored < ends[0]) | (stored > ends[1])]
    return (used if used.size else stored).astype(np.int32)


def _window(header: Dataset, grey: np.ndarray, negative: bool, least: int, top: int) -> tuple[float, float]:
    """The first VOI window in values of ``grey`` where it shows enough of them, else the default."""
    default = default_window(grey, header.BitsStored)
    if (voi := _voi_window(header)) is None:
        return default
    (centre, width), (slope, intercept) = voi, _rescale(header)
    ends = ((np.array([centre - width / 2, centre + width / 2]) - intercept) / slope) - least
    low, high = np.sort(top - ends if negative else ends)
    useful = np.isfinite(ends).all() and ((grey > low) & (grey < high)).mean() >= _SHOWN
    return (float(low), float(high)) if useful else default


def _voi_window(header: Dataset) -> tuple[float, float] | None:
    """Centre and width of the first window, None without one that can be."""
    centre, width = _first(header.get("WindowCenter")), _first(header.get("WindowWidth"))
    if centre is None or width is None or not (np.isfinite((centre, width)).all() and width > 0):
        return None
    return centre, width


def _first(value: Any) -> float | None:
    """The first of one or several decimal strings; None where the tag is absent or empty."""
    values = list(value) if isinstance(value, MultiValue) else [value]
    return float(values[0]) if values and values[0] not in (None, "") else None


def _shown(path: Path, header: Dataset, least: int, top: int, used: np.ndarray) -> np.ndarray:
    """(top + 1,) float64 in [0, 1]: what each value, from the least, is after Modality and VOI LUT."""
    tables = Dataset()
    tables.RescaleSlope, tables.RescaleIntercept = _rescale(header)
    for name in ("ModalityLUTSequence", "VOILUTSequence"):
        if header.get(name):
            setattr(tables, name, [_table(path, name, header[name].value[0])])
    modal = apply_modality_lut(np.arange(least, least + top + 1), tables).astype(np.float64)
    if "VOILUTSequence" in tables:
        shown = _scaled(_by_table(modal, tables))
        if not _shows(shown[used - least]):
            raise DatasetError(f"{path}: VOILUTSequence shows a film of one grey, expected a view of it")
        return shown
    if (voi := _voi_window(header)) is not None:
        window = Dataset()
        window.PhotometricInterpretation, window.PixelRepresentation = "MONOCHROME2", 0
        window.BitsStored, window.VOILUTFunction = 16, header.get("VOILUTFunction") or "LINEAR_EXACT"
        window.WindowCenter, window.WindowWidth = voi
        if voi[1] > 1 or window.VOILUTFunction != "LINEAR":
            shown = apply_windowing(modal, window) / 65535
            if _shows(shown[used - least]):
                return shown
    low, high = default_window(modal[used - least], 16)
    return np.clip((modal - low) / (high - low), 0, 1)


def _by_table(modal: np.ndarray, tables: Dataset) -> np.ndarray:
    """Values through the VOI LUT, in whole numbers that it has entries for: pydicom would wrap others."""
    count, first, _ = tables.VOILUTSequence[0].LUTDescriptor
    return apply_voi(np.clip(np.rint(modal), first, first + (count or 65536) - 1).astype(np.int64), tables)


def _scaled(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    return (values.astype(np.float64) - low) / max(high - low, 1.0)


def _shows(values: np.ndarray) -> bool:
    return bool(((values > 0.002) & (values < 0.998)).mean() >= _SHOWN)


def _table(path: Path, name: str, item: Dataset) -> Dataset:
    """An item of a LUT sequence with one entry a word, as pydicom wants them: its own depth of 8 to 16 bits
    says which values they have, not how they are packed."""
    count, first, depth = (int(v) for v in item.LUTDescriptor)
    count, data = count % 65536 or 65536, item["LUTData"].value
    if isinstance(data, bytes):
        packed = depth <= 8 and len(data) < 2 * count
        data = np.frombuffer(data, "u1" if packed else "<u2")
    entries = [int(v) for v in np.atleast_1d(np.asarray(data))[:count]]
    if len(entries) < count or not 8 <= depth <= 16:
        raise DatasetError(
            f"{path}: {name} has {len(entries)} entries of {depth} bits, expected {count} of 8 to 16"
        )
    table = deepcopy(item)
    table.add_new("LUTDescriptor", "SS" if first < 0 else "US", [count % 65536, first, 16])
    table.add_new("LUTData", "US", entries)
    return table


def _one_way(path: Path, values: np.ndarray, there: np.ndarray) -> tuple[np.ndarray, bool]:
    """Values that only rise or only fall, over all or else over those of the film, and whether they fall."""
    every = np.arange(len(values))
    for levels in (every, there):
        steps = np.diff(values[levels])
        up, down = float(steps[steps > 0].sum()), float(-steps[steps < 0].sum())
        if min(up, down) > _WAVERS * max(up, down) or up == down:
            continue
        kept = np.maximum.accumulate(values[levels]) if up > down else np.minimum.accumulate(values[levels])
        return np.interp(every, levels, kept), down > up
    raise DatasetError(f"{path}: its LUT sequences rise and fall, expected one direction")
