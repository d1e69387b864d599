"""Experts judge each radiograph: one small file per filter, verdicts, and the decision.

Importing this package, :mod:`filters.verdicts` or :mod:`filters.registry` never imports torch.
"""

from filters.registry import FILTER_NAMES, FILTERS

__all__ = ["FILTERS", "FILTER_NAMES"]
