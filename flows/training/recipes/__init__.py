"""One training per file: what 'synthorax train NAME' names."""
