"""Trainings of the shipped weights, one module each; ``flows.train`` runs them by name."""
