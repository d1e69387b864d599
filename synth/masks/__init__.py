"""Where it lies: the shape model of anatomy, and the generator of lesion masks on it."""
