"""What a user is told, as tests of the command line ask it."""


def is_one_line(err, *parts):
    """Whether stderr is one line, the progress bar aside, with all of ``parts``."""
    lines = [line for line in err.strip().splitlines() if not line.startswith("building")]
    assert len(lines) == 1, err
    assert all(part in lines[0] for part in parts), lines[0]
    return True
