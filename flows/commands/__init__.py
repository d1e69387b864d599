"""One module per command that does more than call another room."""
