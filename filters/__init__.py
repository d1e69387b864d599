"""Experts judge each radiograph: one small file per filter, verdicts, and the decision."""
