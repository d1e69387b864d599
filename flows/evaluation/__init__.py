"""Figures of what ships, each measured on real material held out of training."""
