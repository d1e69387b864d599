"""Edits of real radiographs: where they lie, which attempt is kept, files, and pairs."""
