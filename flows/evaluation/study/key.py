"""The key of a study, which its maker keeps: which film is which, sealed by a hash that the page carries."""

import hashlib
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, TypeAdapter

from manifests.canonical import digest, to_json
from manifests.parsing import LARGEST, STRICT, Digest, parse_record
from synth.errors import UserError

VERSION: Literal[1] = 1
KEY, PAGE, README = "key.json", "study.html", "README.md"

#: Grades of each question, as they stand in answers: from certainly synthetic to certainly real, of quality,
#: and of an overlay: not useful, partly, useful.
AUTHENTIC, QUALITY, USEFUL = (1, 2, 3, 4), (1, 2, 3, 4, 5), (0, 1, 2)


class SealedFilm(BaseModel):
    """One film under its ``id`` on the page; the rest as :func:`flows.evaluation.study.film.known` has it."""

    model_config = STRICT

    id: str = Field(pattern=r"^f[0-9]{3,6}$")
    kind: Literal["synthetic", "real"]
    source: str
    patient: str
    shows: list[str]
    lacks: list[str]
    overlays: list[str]
    png_sha256: Digest


class BuildIdentity(BaseModel):
    """Which build, as of :func:`manifests.measured.build_identity`, and where it lay."""

    model_config = STRICT

    hash: Digest
    build_hash: Digest
    candidates: int
    accepted: int
    path: str


class Sealed(BaseModel):
    """What the seal is of. The seed is unknown to all but the maker: without it nobody tries orders out."""

    model_config = STRICT

    version: Literal[1]
    seed: int
    size: int
    build: BuildIdentity
    real: str
    left_out: list[str]
    software: str
    findings: list[str]
    films: list[SealedFilm]


class Key(BaseModel):
    """``key.json``: the ``sealed`` record, its ``seal``, and the digest of the page made with it."""

    model_config = STRICT

    seal: Digest
    page_sha256: Digest
    sealed: Sealed

    def to_json(self) -> bytes:
        """As it is written."""
        return to_json(self.model_dump())


def seal_of(sealed: Sealed) -> str:
    """SHA-256 of the record's canonical JSON."""
    return digest(sealed.model_dump())


def read_key(path: Path) -> Key:
    """The key of a kit; the page that lies beside it must be the one made with it.

    :raises UserError: in one line for a file that is none, and for one that was changed after it was sealed.
    """
    if not path.is_file():
        raise UserError(f"{path}: not found, expected the {KEY} of `synthorax study make`")
    key: Key = parse_record(TypeAdapter(Key), _bounded(path), str(path), "a study's key")
    if (found := seal_of(key.sealed)) != key.seal:
        raise UserError(
            f"{path}: seal {key.seal[:12]}… of another key, expected {found[:12]}…: it was changed"
        )
    page = path.with_name(PAGE)
    if page.is_file() and hashlib.sha256(page.read_bytes()).hexdigest() != key.page_sha256:
        raise UserError(f"{page}: was changed since it was made, expected SHA-256 {key.page_sha256[:12]}…")
    return key


def _bounded(path: Path) -> bytes:
    if path.stat().st_size > LARGEST:
        raise UserError(f"{path}: {path.stat().st_size} bytes, expected a study's key of {LARGEST} or fewer")
    return path.read_bytes()


def sealed_films(known: list[dict[str, Any]], pictures: list[bytes]) -> list[SealedFilm]:
    """Films in the page's order, with the digests of their pictures."""
    digits = max(3, len(str(len(known))))
    return [
        SealedFilm(id=f"f{i:0{digits}d}", png_sha256=hashlib.sha256(png).hexdigest(), **film)
        for i, (film, png) in enumerate(zip(known, pictures, strict=True), start=1)
    ]
