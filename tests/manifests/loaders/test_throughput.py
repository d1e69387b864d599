"""How fast samples come, beside webdataset over the same tars: `pytest -m slow -s` prints both."""

import io
import time
from dataclasses import replace

import numpy as np
import pytest
import torch
import webdataset
from drawn_exports import accepted_record, seen
from drawn_records import BUILD
from PIL import Image

from manifests import layout
from manifests.identity import open_build
from manifests.loaders.datasets import SegmentationDataset
from manifests.members import unpack_bits
from manifests.shards import write_shard
from manifests.store import Store
from synth.cases import Lesion, MaskSet

SAMPLES, SIZE, ROUNDS = 64, 256, 15


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """Films of the size and, packed, of the weight of the demo's; two shards."""
    store = Store(tmp_path_factory.mktemp("wide"))
    open_build(store, BUILD)
    for shard in range(2):
        keys = range(shard * SAMPLES // 2, (shard + 1) * SAMPLES // 2)
        write_shard(store, shard, [enlarged(accepted_record(key)) for key in keys], {"batch_size": 8})
    return store


def enlarged(record):
    """The record in pictures of SIZE, its grey smooth but for a little noise."""
    picture, masks = record.candidate.image, record.candidate.masks
    rng = np.random.default_rng(int(record.case.key))
    grey = np.asarray(Image.fromarray(picture).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    image = (grey + rng.normal(0, 3, grey.shape)).clip(0, 255).astype(np.uint8)
    big = MaskSet(
        np.stack([larger(mask) for mask in masks.anatomy]),
        tuple(Lesion(lesion.finding, larger(lesion.mask)) for lesion in masks.lesions),
    )
    return replace(seen(record), candidate=replace(record.candidate, image=image, masks=big))


def larger(mask):
    return np.asarray(Image.fromarray(mask).resize((SIZE, SIZE)))


def lesion_bits(data):
    return np.asarray(Image.open(io.BytesIO(data)))


def tensors(sample):
    """What a training needs of it, as our loader gives it."""
    mask = unpack_bits(sample["lesions.png"], 13).view(np.uint8)
    return {"image": torch.from_numpy(sample["png"])[None], "mask": torch.from_numpy(mask)}


@pytest.mark.slow
def test_at_least_as_fast_as_webdataset_to_the_same_tensors(build):
    tars = [build.path(layout.tar_path(shard)) for shard in range(2)]
    ours = SegmentationDataset(build.url, labels="all", near_duplicates=True)
    bits = webdataset.handle_extension("lesions.png", lesion_bits)

    def decoded():
        plain = webdataset.WebDataset(tars, shardshuffle=False)
        return plain.decode(bits, "l", only=("png", "lesions.png"))

    ways = {
        "synthorax": lambda: ours,
        "webdataset, to the same tensors": lambda: decoded().map(tensors),
        "webdataset, decoding alone": decoded,
    }
    for sample, other in zip(ways["synthorax"](), decoded().map(tensors), strict=True):
        assert torch.allclose(sample["image"], other["image"].reshape(sample["image"].shape))
        assert torch.equal(sample["mask"], other["mask"])
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):  # in turn: another program at work slows all of them
        for name, way in ways.items():
            start = time.process_time()
            assert sum(1 for _ in way()) == SAMPLES
            seconds[name].append(time.process_time() - start)
    for name, all_rounds in seconds.items():
        print(f"{name}: {SAMPLES / np.median(all_rounds):,.0f} samples a second of one processor")
    ours_first, theirs = (np.array(seconds[name]) for name in list(ways)[:2])
    assert np.median(theirs / ours_first) >= 1
