"""Rows of a manifest as they are read: what no row of ours can hold is told before anything is made of it."""

import pyarrow as pa
import pyarrow.compute as pc

from filters.verdicts import Status
from manifests.errors import DatasetError
from manifests.members import MOST_PIXELS
from manifests.schema import filter_columns
from synth.findings import FINDING_NAMES

STATUSES: tuple[Status, ...] = ("accepted", "rejected", "failed")
VERDICTS, KEEPS = ("pass", "fail", "skipped"), (">=", "<=")

#: Columns that every row with an image has.
_RESULT = ("width", "height", "n_lesions", "lesion_area", "instances", "image_sha256")


def check_rows(table: pa.Table, path: str) -> None:
    """Refuse a table whose values are none of ours; it may have some of the manifest's columns only.

    :raises DatasetError: naming the file, the column and the first such value.
    """
    there = set(table.column_names)
    if "key" in there:
        matches = pc.match_substring_regex(table["key"], "^[0-9]{9}$")
        _refuse_first(table["key"], pc.invert(matches), f"{path}: key", "9 digits")
    allowed = {"status": STATUSES, "sex": ("F", "M"), "view": ("PA", "AP")}
    for name in filter_columns(table.schema):
        allowed |= {f"{name}_verdict": VERDICTS, f"{name}_keep": KEEPS}
    for column in allowed.keys() & there:
        _check_among(table[column], allowed[column], f"{path}: {column}")
    if "draw" in there:
        _refuse_first(table["draw"], pc.less(table["draw"], 0), f"{path}: draw", "0 or more")
    for column, field in (("findings", "name"), ("instances", "finding")):
        if column in there:
            names = pc.struct_field(_flat(table[column]), field)
            _check_among(names, FINDING_NAMES, f"{path}: {column}")
    if "instances" in there:
        lengths = pc.list_value_length(pc.struct_field(_flat(table["instances"]), "bbox"))
        _refuse_first(lengths, pc.not_equal(lengths, 4), f"{path}: instances.bbox", "4 numbers")
    if "earlier" in there:
        _check_earlier(table["earlier"], tuple(filter_columns(table.schema)), f"{path}: earlier")
    for name in filter_columns(table.schema):
        _check_verdicts(table, name, path)
    _check_results(table, path)


def _check_verdicts(table: pa.Table, name: str, path: str) -> None:
    """Who judged gave a score and was held to something, who did not gave none."""
    columns = {n: f"{name}_{n}" for n in ("verdict", "score", "threshold", "keep")}
    if not set(columns.values()) <= set(table.column_names):
        return
    verdict, score, threshold, keep = (table[c] for c in columns.values())
    judged = pc.fill_null(pc.is_in(verdict, value_set=pa.array(["pass", "fail"])), False)
    wrong = pc.not_equal(judged, score.is_valid())
    wrong = pc.or_(wrong, pc.and_(judged, pc.or_(threshold.is_null(), keep.is_null())))
    _refuse_first(
        table["key"] if "key" in table.column_names else verdict,
        wrong,
        f"{path}: {name} of",
        "all or none of its values",
    )


def _check_earlier(lists: pa.ChunkedArray, filters: tuple[str, ...], where: str) -> None:
    """Who refused a draw that was followed by another; a table of some columns may lack the filters'."""
    refusals = _flat(lists)
    for name in ("draw", "reasons", "scores"):
        values = pc.struct_field(refusals, name)
        _refuse_first(values, values.is_null(), f"{where}.{name}", "a value")
    draws = pc.struct_field(refusals, "draw")
    _refuse_first(draws, pc.less(draws, 0), f"{where}.draw", "0 or more")
    scores = _flat(pc.struct_field(refusals, "scores"))
    for name in ("filter", "verdict", "threshold"):
        values = pc.struct_field(scores, name)
        _refuse_first(values, values.is_null(), f"{where}.{name}", "a value")
    verdicts, values = pc.struct_field(scores, "verdict"), pc.struct_field(scores, "score")
    _check_among(verdicts, VERDICTS, f"{where}.verdict")
    if filters:
        _check_among(pc.struct_field(scores, "filter"), filters, f"{where}.filter")
    unlike = pc.equal(pc.equal(verdicts, "skipped"), values.is_valid())
    _refuse_first(values, unlike, f"{where}.score", "a number of whoever judged, and of no other")


def _check_results(table: pa.Table, path: str) -> None:
    there = set(table.column_names)
    if {"width", "height"} <= there:
        width, height = (table[n].cast(pa.int64()) for n in ("width", "height"))
        bad = pc.or_(pc.less(width, 1), pc.less(height, 1))
        bad = pc.or_(bad, pc.greater(pc.multiply(width, height), MOST_PIXELS))
        _refuse_first(width, bad, f"{path}: width", f"1 or more, and at most {MOST_PIXELS} pixels an image")
    if "status" in there:
        shown = pc.not_equal(table["status"], "failed")
        for column in there & set(_RESULT):
            missing = pc.and_(shown, table[column].is_null())
            _refuse_first(table[column], missing, f"{path}: {column}", "a value, as there is an image")


def _check_among(values: pa.ChunkedArray, allowed: tuple[str, ...], where: str) -> None:
    known = pc.is_in(values, value_set=pa.array(allowed, pa.string()))
    _refuse_first(values, pc.and_(values.is_valid(), pc.invert(known)), where, f"one of {', '.join(allowed)}")


def _refuse_first(values: pa.ChunkedArray, bad: pa.ChunkedArray, where: str, expected: str) -> None:
    if pc.any(bad).as_py():
        value = values.filter(bad)[0].as_py()
        raise DatasetError(f"{where} is {repr(value)[:80]}, expected {expected}")


def _flat(lists: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.list_flatten(lists)
