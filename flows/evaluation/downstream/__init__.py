"""Does a dataset teach? The field's models trained on it, and tested on real held-out patients."""
