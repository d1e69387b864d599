"""The settings of a build: what they are, how they are read, and what they come to."""
