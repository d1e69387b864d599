"""A user's own films and checkpoints, made ready for training and use."""
