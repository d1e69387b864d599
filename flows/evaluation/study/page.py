"""The page that readers answer on: one HTML file with all pictures in it, which opens no connection."""

import base64
import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from PIL import Image

from flows.evaluation.study.film import UNITS, Film
from flows.evaluation.study.key import KEY, PAGE, SealedFilm
from synth.findings import FINDINGS


def picture(image: np.ndarray) -> bytes:
    """(S, S) uint8 as a PNG of pixels alone: nothing is packed, so that all of one size have one length, and
    no mark says whether it is synthetic."""
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG", compress_level=0)
    return out.getvalue()


def title(finding: str) -> str:
    """A finding in words; of boxes also kinds that are none of ours."""
    return FINDINGS[finding].title if finding in FINDINGS else finding.replace("_", " ").lower()


def study_page(
    seal: str,
    findings: Sequence[str],
    sealed: Sequence[SealedFilm],
    films: Sequence[Film],
    pictures: Sequence[bytes],
) -> bytes:
    """The whole page; ``findings`` are those that readers are asked about, ``films`` stand in its order."""
    content = {
        "kit": seal,
        "units": UNITS,
        "findings": [{"name": name, "title": title(name)} for name in findings],
        "films": [
            {"id": known.id, "png": base64.b64encode(png).decode(), "overlays": _overlays(film)}
            for known, film, png in zip(sealed, films, pictures, strict=True)
        ],
    }
    template = _templates().get_template("study.html")
    return template.render(seal=seal, content=_script(content), films=len(films)).encode()


def readme(seal: str, lines: Sequence[str]) -> bytes:
    """What the kit's maker is told; ``lines`` say what is in it and what it can tell."""
    return (
        _templates(False).get_template("kit.md").render(seal=seal, lines=lines, page=PAGE, key=KEY).encode()
    )


def _templates(escaped: bool = True) -> Environment:
    return Environment(
        loader=PackageLoader("flows.evaluation.study", "templates"),
        autoescape=escaped,
        undefined=StrictUndefined,
        keep_trailing_newline=True,
    )


def _overlays(film: Film) -> list[dict[str, Any]]:
    return [{"name": o.finding, "title": title(o.finding), "path": o.path} for o in film.overlays]


def _script(content: dict[str, Any]) -> Markup:
    """JSON that no sign ends early inside a script element."""
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=True)
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))
