"""How large a network a config may ask for: looked at before there is memory for it."""

from collections.abc import Mapping
from typing import Any, Final

from synth.errors import WeightsError

#: A number in a config beyond this is no width, depth or vocabulary of a network that anyone has trained.
LARGEST: Final = 1 << 20
#: Numbers of modules in a row, each of which is made one by one.
_REPEATS: Final = ("layers_per_block", "num_hidden_layers", "transformer_layers_per_block")
_MOST_REPEATS: Final = 256


def check_sizes(config: Mapping[str, Any], about: str) -> None:
    """:raises WeightsError: one line that begins with ``about``, for a number that no network has."""
    for key, value in config.items():
        most = _MOST_REPEATS if key in _REPEATS else LARGEST
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, int | float) and abs(number) > most:
                raise WeightsError(f"{about}, {key}: {number:g}, expected {most} or less")
