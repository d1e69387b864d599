"""What a PNG says of itself: an XMP packet with IPTC's digital source type, maker, build and key.

The packet is one chunk behind the header (``iTXt`` with the keyword ``XML:com.adobe.xmp``), where readers of
XMP look for it. It holds no time: the same picture has the same bytes.
"""

import struct
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple
from xml.sax.saxutils import quoteattr

from manifests.identity import build_hash
from synth.cases import BEFORE, UNCHANGED
from synth.software import software

#: Earlier schema versions had none.
MARKED_SINCE = 4

_TERMS = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_KEYWORD, _TYPE = b"XML:com.adobe.xmp", b"iTXt"
#: The chunk is not packed; neither a language nor a translated keyword is given.
_HEAD = _KEYWORD + b"\0" * 5
#: Signature and IHDR, which every PNG begins with.
_BEGINNING = 33

_PACKET = """\
<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about=""
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"
 xmlns:synthorax="urn:synthorax:"
{attributes}>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default">{words}</rdf:li></rdf:Alt></dc:description>
</rdf:Description>
</rdf:RDF>
</x:xmpmeta>
<?xpacket end="r"?>"""


class Source(NamedTuple):
    """Where pixels come from: IPTC's term (NewsCodes, digital source type), and the same in words."""

    term: str
    words: str


SYNTHETIC = Source("trainedAlgorithmicMedia", "Synthetic radiograph by a generative model: shows nobody.")
MASKS = Source("trainedAlgorithmicMedia", "Masks made by trained models: no radiograph.")
COMPOSITE = Source(
    "compositeWithTrainedAlgorithmicMedia", "Radiograph of a real person, edited by a generative model."
)
#: Algorithmically altered: framed, its exposure normalised. How it was captured nobody says.
REAL = Source("algorithmicallyEnhanced", "Radiograph of a real person: nothing in it is made by AI.")
SHEET = Source("compositeWithTrainedAlgorithmicMedia", "Pictures of radiographs, among them some made by AI.")


@dataclass(frozen=True)
class Origin:
    """Whose samples are marked: the hash of their ``build``, and the ``tool`` that began it."""

    build: str
    tool: str

    @classmethod
    def of(cls, build: Mapping[str, Any]) -> "Origin":
        """Of a ``build.json``."""
        return cls(build_hash(build), tool(build.get("software", {}).get("synthorax", "unknown")))


def tool(version: str | None = None) -> str:
    """Synthorax and its version: the one that runs, unless another is given."""
    return f"synthorax {version or software()['synthorax']}"


def source_of(edit: str) -> Source:
    """Of the radiograph of a case with that ``edit``."""
    if not edit:
        return SYNTHETIC
    return REAL if edit in (BEFORE, UNCHANGED) else COMPOSITE


def sample_mark(origin: Origin, key: str, source: Source) -> bytes:
    """The packet of one picture of the sample ``key``."""
    return mark(source, origin.tool, {"Build": origin.build, "Key": key})


def mark(source: Source, creator: str, facts: Mapping[str, str]) -> bytes:
    """The XMP packet of a picture; ``facts`` are fields of our own namespace by name."""
    fields = {"xmp:CreatorTool": creator, "Iptc4xmpExt:DigitalSourceType": _TERMS + source.term}
    fields |= {f"synthorax:{name}": value for name, value in facts.items()}
    attributes = "\n".join(f" {name}={quoteattr(value)}" for name, value in fields.items())
    return _PACKET.format(attributes=attributes, words=source.words).encode("utf-8", "replace")


def marked(png: bytes, packet: bytes) -> bytes:
    """A PNG with its mark; not a byte of its other chunks changes."""
    body = _HEAD + packet
    checksum = zlib.crc32(_TYPE + body)
    chunk = struct.pack(">I", len(body)) + _TYPE + body + struct.pack(">I", checksum)
    return png[:_BEGINNING] + chunk + png[_BEGINNING:]


def marks(png: bytes) -> list[bytes]:
    """All marks of a PNG as packets, wherever they stand; one that :func:`marked` did not write, whole."""
    bodies = [body for kind, body in _chunks(png) if kind == _TYPE and body.startswith(_KEYWORD + b"\0")]
    return [body.removeprefix(_HEAD) for body in bodies]


def copied_mark(source: bytes, png: bytes) -> bytes:
    """A PNG made of another with that one's mark, where it has one."""
    found = marks(source)
    return marked(png, found[0]) if found else png


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Type and content of each chunk, as far as they go."""
    at = 8
    while at + 8 <= len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        yield kind, png[at + 8 : at + 8 + length]
        at += 12 + length
