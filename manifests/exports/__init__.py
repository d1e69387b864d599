"""A dataset in other formats: a file each. Files that each finished dataset has, and folders made of it."""
