"""Radiographs in one pass: a rough film by a small diffusion, then a film from it at once."""
