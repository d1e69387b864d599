"""Datasets for training, read straight from builds; torch is loaded when the first sample is asked for."""
