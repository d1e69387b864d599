"""The index of training films, made by the anatomy expert that ships."""

import shutil
from types import SimpleNamespace

import numpy as np
import pytest

from filters.experts.embedded import CHECKPOINTS, EmbeddedAnatomy
from filters.experts.embedding import INDEX, TrainingIndex
from flows.material.real import load_nih
from flows.material.trained import expert_anatomy, unmarked
from flows.training.recipes.anatomy import add_index
from flows.training.sealing import pin
from synth.weights import verify_folder

FILMS = 12


@pytest.fixture
def folder(tmp_path):
    """The shipped expert's folder, a copy without its index."""
    copy = tmp_path / "anatomy"
    shutil.copytree(CHECKPOINTS / "anatomy", copy)
    (copy / INDEX).unlink()
    pin(copy)
    return copy


def test_an_index_holds_the_training_part_and_is_pinned(folder):
    images = np.random.default_rng(0).integers(0, 255, (FILMS, 32, 32), np.uint8).repeat(4, 1).repeat(4, 2)
    nih = SimpleNamespace(
        images=images,
        names=[f"{i}.png" for i in range(FILMS)],
        where=lambda part: {"train": np.arange(0, FILMS, 2)}[part],
    )
    assert INDEX not in verify_folder(folder)
    add_index(folder, nih)
    assert INDEX in verify_folder(folder)
    index = TrainingIndex.load(folder / INDEX)
    assert index.names == tuple(nih.names[::2])
    expert = EmbeddedAnatomy.load(folder, index=index)
    assert index.encoder == expert.digest
    shown = unmarked(images[::2], expert_anatomy(folder.parent, images[::2]))
    for i, opinion in enumerate(expert.look(shown)):
        assert index.nearest(opinion.embedding)[1] == nih.names[2 * i]


def test_letters_go_and_lungs_stay():
    image = np.full((256, 256), 60, np.uint8)
    lungs = np.zeros((2, 256, 256), bool)
    lungs[0, 80:200, 40:110] = lungs[1, 80:200, 146:216] = True
    image[lungs.any(0)] = 30
    marked = image.copy()
    marked[10:16, 10:16] = marked[120:126, 70:76] = 250
    clean = unmarked(marked[None], lungs[None])[0]
    assert clean[10:16, 10:16].max() < 100
    assert (clean[lungs.any(0)] == marked[lungs.any(0)]).all()


@pytest.mark.slow
def test_the_index_that_ships_is_made_again(folder, shared_data):
    add_index(folder, load_nih(shared_data))
    made, shipped = (TrainingIndex.load(f / INDEX) for f in (folder, CHECKPOINTS / "anatomy"))
    assert made.names == shipped.names
    assert (made.embeddings * shipped.embeddings).sum(1).min() > 0.99
