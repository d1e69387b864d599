"""What a build will take, from a sample of it: time is of all draws, in batches as full as a shard's."""

from types import SimpleNamespace

import pytest
from standins import load_pipeline

from flows.building import estimate as estimating
from flows.building.estimate import estimate
from flows.config.reading import parse_config

SECONDS = 12.0


def measured(monkeypatch, redraws, shard_size, candidates, batch_size=4):
    """The estimate of a build of one worker whose sample took SECONDS."""
    clock = iter([0.0, SECONDS])
    monkeypatch.setattr(estimating, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    config = parse_config(
        {
            "seed": 7,
            "candidates": candidates,
            "shard_size": shard_size,
            "output": "out",
            "images": {"size": 64, "steps": 1, "batch_size": batch_size, "retry_draws": redraws},
            "workers": {"count": 1},
        }
    )
    return estimate(config, load_pipeline(config))


@pytest.mark.parametrize(("shard_size", "candidates"), [(6, 6), (8, 32), (16, 64)])
def test_without_further_draws_time_is_by_candidates(monkeypatch, shard_size, candidates):
    found = measured(monkeypatch, 0, shard_size, candidates)
    assert found.draws == 1
    assert found.seconds == pytest.approx(SECONDS / min(shard_size, 8) * candidates)


def test_further_draws_are_counted_and_accept_more(monkeypatch):
    once, again = (measured(monkeypatch, n, 8, 64) for n in (0, 3))
    assert again.share_accepted > once.share_accepted
    refused = round((1 - once.share_accepted) * once.sample)
    assert again.draws >= (once.sample + refused) / once.sample
    assert again.seconds == pytest.approx(once.seconds)  # a shard that is the sample takes what that took


def test_a_shard_fills_the_batches_of_further_draws_better_than_a_sample(monkeypatch):
    found = measured(monkeypatch, 3, 80, 80)
    assert found.draws > 1
    assert found.seconds < SECONDS * 10
