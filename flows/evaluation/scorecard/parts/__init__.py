"""The seven parts of the scorecard, a file each, which ends in its ``PART``."""
