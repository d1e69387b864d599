"""Radiograph files of others: found, read, and written with what was edited put back."""
