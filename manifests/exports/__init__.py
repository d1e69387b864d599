"""A dataset in other formats: one file each."""
