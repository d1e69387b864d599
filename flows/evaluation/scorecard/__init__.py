"""The scorecard of a build: seven parts, each filled from figures that were measured on it."""
