"""Power by frequency of patterns whose frequency is known."""

import numpy as np
import pytest

from flows.figures.spectrum import BAND, compare, detail_band, detail_gap, radial_power, radial_powers


def test_a_wave_has_its_power_at_its_frequency():
    x = np.sin(2 * np.pi * 40 * np.arange(256) / 256)
    power = radial_power(np.tile(127 + 100 * x, (2, 256, 1)))
    assert power.argmax() == 40
    assert len(power) == 129


def test_half_the_noise_is_six_tenths_of_a_decade_less_at_every_frequency():
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((8, 256, 256))
    figures = compare(128 + 20 * noise, 128 + 40 * noise)
    assert figures["decades"] == pytest.approx(-2 * np.log10(2), abs=1e-3)
    assert figures["worst"] == pytest.approx(figures["decades"], abs=1e-3)
    assert len(figures["parts"]) == 8


def test_a_gap_has_an_interval_and_halves_of_real_films_have_none():
    rng = np.random.default_rng(0)
    real = rng.integers(0, 256, (40, 64, 64))
    smooth = real * 0.5 + 64
    patients = np.arange(40) // 2
    gap = detail_gap(radial_powers(smooth), radial_powers(real), patients)
    assert gap.low <= gap.value <= gap.high < -0.5
    assert gap.value == pytest.approx(np.log10(0.25), abs=0.02)
    assert gap.floor < 0.02
    assert detail_band(256) == BAND
