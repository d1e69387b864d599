"""What a user is told when a dataset cannot be written or read."""


class DatasetError(ValueError):
    """One line that names the file or field, what is there, and what was expected."""
