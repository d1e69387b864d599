"""``croissant.json``: the dataset for programs, as Croissant 1.1 with its responsible-AI vocabulary.

https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html. It holds no date, publisher
or address: nobody knows them when a build ends.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from manifests import layout
from manifests.canonical import to_json
from manifests.croissant_words import CONTEXT, CREATED, EDITED, REDRAWN, SAMPLED, SELDOM
from manifests.draws import redraws_of
from manifests.index import Counts, ListedShard
from manifests.schema import manifest_schema
from manifests.seldom import warning
from manifests.store import FileInfo
from synth.errors import UserError
from synth.strict_json import parse_json

#: Columns that are offered as a record set, to their types; nested ones are read with Parquet's own tools.
COLUMNS = {
    "key": "sc:Text",
    "status": "sc:Text",
    "prompt": "sc:Text",
    "complete": "sc:Boolean",
    "draw": "sc:Integer",
    "n_lesions": "sc:Integer",
    "width": "sc:Integer",
    "height": "sc:Integer",
    "image_sha256": "sc:Text",
}
_FORMATS = {
    layout.MANIFEST: "application/x-parquet",
    layout.NEAR_DUPLICATES: "application/x-parquet",
    layout.COCO: "application/json",
    layout.CARD: "text/markdown",
}
_TAR = "application/x-tar"
#: What a program reads: other words are another version's, and no damage.
READ = (
    "@context",
    "@type",
    "conformsTo",
    "distribution",
    "recordSet",
    "rai:hasSyntheticData",
    "license",
    "isLiveDataset",
)


def croissant(
    build: Mapping[str, Any], counts: Counts, shards: Sequence[ListedShard], files: Mapping[str, FileInfo]
) -> bytes:
    """The file of a finished dataset; ``files`` are those that finalising added before."""
    config = build.get("config") or {}
    edited = bool(config.get("edit"))
    title = "Counterfactual chest radiographs" if edited else "Synthetic chest radiographs"
    licence = config.get("licence", "other")
    return to_json(
        {
            "@context": CONTEXT,
            "@type": "sc:Dataset",
            "conformsTo": ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"],
            "name": title,
            "description": f"{title}: {counts.accepted:,} accepted of {counts.candidates:,} candidates.",
            "license": "none is stated" if licence == "other" else licence,
            "version": _version(build),
            "keywords": ["chest radiograph", "counterfactual" if edited else "synthetic"],
            "isLiveDataset": False,
            "distribution": list(_distribution(shards, files)),
            "recordSet": [_candidates(build["schema_version"]), *([_pictures()] if counts.accepted else [])],
            **_responsible(build, counts, edited),
        }
    )


def read_fields(data: bytes) -> dict[str, Any] | None:
    """What programs read of a file; None where it is none: all else is text, or lists of it."""
    try:
        found = parse_json(data)
    except UserError:
        return None
    if not (isinstance(found, dict) and all(_is_text(found[n]) for n in found.keys() - set(READ))):
        return None
    return {name: found.get(name) for name in READ}


def _is_text(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, list) and all(isinstance(item, str) for item in value)
    )


def _version(build: Mapping[str, Any]) -> str:
    """That of the format, and behind the plus sign of the build: same settings and weights, same version."""
    digest = re.sub("[^0-9a-zA-Z]", "", str(build.get("config_hash", "")))[:12]
    return f"{build['schema_version']}.0.0+{digest or 'unknown'}"


def _distribution(shards: Sequence[ListedShard], files: Mapping[str, FileInfo]) -> Iterator[dict[str, Any]]:
    for name in _FORMATS:
        yield _file(name, _FORMATS[name], files[name])
    tars = [(p, f.info) for s in shards for p, f in s.files.items() if p == layout.tar_path(s.shard)]
    for path, info in tars:
        yield _file(path, _TAR, info)
    if tars:
        yield {
            "@type": "cr:FileSet",
            "@id": "members",
            "name": "members",
            "containedIn": [{"@id": path} for path, _ in tars],
            "encodingFormat": "image/png",
            "includes": "*.png",
            "description": "Radiographs KEY.png and masks KEY.anatomy.png, KEY.lesions.png.",
        }


def _file(path: str, kind: str, info: FileInfo) -> dict[str, Any]:
    return {
        "@type": "cr:FileObject",
        "@id": path,
        "name": path,
        "contentUrl": path,
        "contentSize": f"{info.bytes} B",
        "encodingFormat": kind,
        "sha256": info.sha256,
    }


def _candidates(version: int) -> dict[str, Any]:
    """Rows of the manifest, as of a schema version."""
    schema = manifest_schema(version=version)
    fields = [
        {
            "@type": "cr:Field",
            "@id": f"candidates/{name}",
            "name": name,
            "description": schema.field(name).metadata[b"description"].decode(),
            "dataType": kind,
            "source": {"fileObject": {"@id": layout.MANIFEST}, "extract": {"column": name}},
        }
        for name, kind in COLUMNS.items()
        if name in schema.names
    ]
    return _record_set("candidates", "Every candidate, accepted or not.", "key", fields)


def _pictures() -> dict[str, Any]:
    """Pictures of accepted samples by their member's name."""
    path = {"fileSet": {"@id": "members"}, "extract": {"fileProperty": "filename"}}
    content = {"fileSet": {"@id": "members"}, "extract": {"fileProperty": "content"}}
    fields = [
        {
            "@type": "cr:Field",
            "@id": "pictures/member",
            "name": "member",
            "dataType": "sc:Text",
            "source": path,
        },
        {
            "@type": "cr:Field",
            "@id": "pictures/content",
            "name": "content",
            "description": "Of masks, bits: open the member itself where a reader makes 8 bits of it.",
            "dataType": "sc:ImageObject",
            "source": content,
        },
    ]
    return _record_set("pictures", "Radiographs and masks of accepted samples.", "member", fields)


def _record_set(name: str, words: str, key: str, fields: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "@type": "cr:RecordSet",
        "@id": name,
        "name": name,
        "description": words,
        "key": {"@id": f"{name}/{key}"},
        "field": fields,
    }


def _responsible(build: Mapping[str, Any], counts: Counts, edited: bool) -> dict[str, Any]:
    """Fields of the vocabulary RAI, and of PROV what it was made from and by."""
    weights = build.get("weights") or {}
    software = build.get("software") or {}
    maker = f"synthorax {software.get('synthorax', 'unknown')} {software.get('commit', '')}".strip()
    words = EDITED if edited else CREATED
    redraws, seldom = redraws_of(build), counts.seldom or {}
    sources = [f"{name} (SHA-256 {digest})" for name, digest in sorted(weights.items())]
    return {
        "rai:hasSyntheticData": True,
        **words,
        "rai:dataLimitations": words["rai:dataLimitations"]
        + (SELDOM.format(seldom=warning(seldom)) if seldom else ""),
        "rai:machineAnnotationTools": [maker],
        "rai:dataManipulationProtocol": (SAMPLED + (REDRAWN if redraws else "")).format(
            candidates=counts.candidates,
            rejected=counts.rejected,
            failed=counts.failed,
            draws=f"{sum(draw['judged'] for draw in counts.draws)} draws in all, up to {redraws + 1} of one",
            reasons=", ".join(f"{name} {n}" for name, n in counts.first_reasons.items()) or "none",
        ),
        "prov:wasGeneratedBy": f"{maker}, settings {build.get('config_hash', 'unknown')}",
        **({"prov:wasDerivedFrom": sources} if sources else {}),
    }
