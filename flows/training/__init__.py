"""Trainings of the shipped weights, one module each; ``flows.training.registry`` runs them by name."""
