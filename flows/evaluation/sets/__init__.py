"""Whether a set of generated films, a build or a folder, is like real ones: `synthorax evaluate BUILD`."""
