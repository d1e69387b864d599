"""What a user is told when a dataset cannot be written or read."""

from synth.errors import UserError


class DatasetError(UserError):
    """A dataset or a film that cannot be used: the file or field, what is there, what was expected."""
