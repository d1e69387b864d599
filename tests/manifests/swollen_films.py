"""Small files that say, or unpack to, far more than they hold; and what it takes to read them."""

import io
import struct
import subprocess
import sys
import zlib
from functools import cache
from pathlib import Path

from conftest import ROOT
from drawn_files import dicom_dataset, gradient
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    RLELossless,
)

SIDE = 60_000
PACKED = (RLELossless, JPEGBaseline8Bit, JPEGExtended12Bit, JPEG2000Lossless)
PLAIN = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian)
GREY = gradient(80, 80, 8)


def picture(kind, pixels=GREY, **options):
    """A grey picture's bytes."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def png_of(width, height, colour=0, depth=8):
    """A PNG whose header says so, with a right checksum; its pixels are of another."""
    data = bytearray(picture("PNG"))
    data[16:26] = struct.pack(">IIBB", width, height, depth, colour)
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


def jpeg_of(width, height):
    """A JPEG whose start of frame says so."""
    data = bytearray(picture("JPEG"))
    at = data.index(b"\xff\xc0") + 5
    data[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(data)


def jpeg2000_of(width, height, samples=1):
    """A codestream whose size marker says so."""
    data = bytearray(picture("JPEG2000", no_jp2=True, irreversible=False))
    at = data.index(b"\xff\x4f\xff\x51") + 8
    data[at : at + 8] = struct.pack(">II", width, height)
    data[at + 16 : at + 24] = struct.pack(">II", width, height)
    data[at + 32 : at + 34] = struct.pack(">H", samples)
    return bytes(data)


def rle_of(segment, count=1):
    """An RLE frame of segments that are all alike."""
    starts = [64 + i * len(segment) for i in range(count)]
    return struct.pack("<16I", count, *starts, *[0] * (15 - count)) + segment * count


def dicom_of(syntax, frame=None, **tags):
    """A radiograph's bytes in a transfer syntax, with one frame of its own and further tags."""
    header = dicom_dataset(GREY, 8, **tags)
    header.file_meta.TransferSyntaxUID = syntax
    if frame is not None:
        header["PixelData"].VR = "OB"
        header.PixelData = encapsulate([frame])
        header["PixelData"].is_undefined_length = True
    out = io.BytesIO()
    header.save_as(out, enforce_file_format=True)
    return out.getvalue()


def inflating(size):
    """A deflated data set that is followed by ``size`` bytes of nothing."""
    data = dicom_of(ExplicitVRLittleEndian)
    plain, deflated = (str(s).encode() for s in (ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian))
    length = struct.unpack("<I", data[140:144])[0]
    old = b"UI" + struct.pack("<H", len(plain) + 1) + plain + b"\0"
    meta = data[:144].replace(struct.pack("<I", length), struct.pack("<I", length + 2)) + data[
        144 : 144 + length
    ].replace(old, b"UI" + struct.pack("<H", len(deflated)) + deflated)
    packer = zlib.compressobj(1, wbits=-15)
    out = [packer.compress(data[144 + length :])]
    out += [packer.compress(bytes(1 << 24)) for _ in range(size >> 24)]
    return meta + b"".join(out) + packer.flush()


#: The sides in the box around a codestream, and others.
_BOXES = (struct.pack(">II", 80, 80), struct.pack(">II", 9000, 9000))


@cache
def swollen():
    """Name to bytes."""
    tags = {"Rows": SIDE, "Columns": SIDE}
    files = {
        "a.png": png_of(SIDE, SIDE),
        "colour.png": png_of(SIDE, SIDE, 6),
        "deep.png": png_of(SIDE, SIDE, 0, 16),
        "a.jpg": jpeg_of(SIDE, SIDE),
        "inflating.dcm": inflating(480 << 20),
        "items.dcm": dicom_of(ExplicitVRLittleEndian)
        + b"\xe0\x7f\x12\x00SQ\0\0\xff\xff\xff\xff"
        + b"\xfe\xff\x00\xe0\0\0\0\0" * 150_000,
        "elements.dcm": dicom_of(ExplicitVRLittleEndian)
        + b"".join(struct.pack("<HH2sH", 0x7FFF, n & 0xFFFF, b"LO", 0) for n in range(300_000)),
        "runs.dcm": dicom_of(RLELossless, rle_of(b"\x81\0" * 8_000_000)),
        "codestream.dcm": dicom_of(JPEGBaseline8Bit, jpeg_of(SIDE, SIDE)),
        "codestream2000.dcm": dicom_of(JPEG2000Lossless, jpeg2000_of(SIDE, SIDE)),
        "samples2000.dcm": dicom_of(JPEG2000Lossless, jpeg2000_of(80, 80, 16_000)),
        "boxed2000.dcm": dicom_of(
            JPEG2000Lossless,
            picture("JPEG2000").replace(struct.pack(">II", 80, 80), struct.pack(">II", 9000, 9000), 1),
        ),
        "frames.dcm": dicom_of(ExplicitVRLittleEndian, NumberOfFrames=2_000_000_000),
        "samples.dcm": dicom_of(ExplicitVRLittleEndian, SamplesPerPixel=65_535),
        "bits.dcm": dicom_of(ExplicitVRLittleEndian, BitsAllocated=64),
    }
    files |= {f"header {i}.dcm": dicom_of(s, b"\0" * 64, **tags) for i, s in enumerate(PACKED)}
    return files | {f"plain {i}.dcm": dicom_of(s, **tags) for i, s in enumerate(PLAIN)}


#: Reads each file of a folder as a film; prints how it went, seconds and the most memory in MiB.
_CHILD = """
import re, resource, sys, time
from pathlib import Path
from flows.films import read_film
from manifests.films.masks import read_mask
from synth.errors import users_mistake
def peak():
    try:  # on Linux ru_maxrss begins with what the process that started this one had
        status = Path("/proc/self/status").read_text()
        return int(re.search(r"VmHWM:\\s*(\\d+) kB", status)[1]) // 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
read = read_mask if sys.argv[2] == "mask" else read_film
for path in sorted(Path(sys.argv[1]).iterdir()):
    begun = time.process_time()
    try:
        read(path)
        told = "read"
    except Exception as error:
        told = users_mistake(error) or f"BUG {type(error).__name__}: {error}"
    most = peak()
    print(path.name, f"{time.process_time() - begun:.3f}", most, told, sep="\\t")
"""


def readings(folder: Path, what: str = "film") -> dict[str, tuple[str, float, int]]:
    """Of each file what a child process says: one line or ``read``, seconds, and MiB so far."""
    command = [sys.executable, "-c", _CHILD, str(folder), what]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    return {name: (told, float(seconds), int(most)) for name, seconds, most, told in rows}
