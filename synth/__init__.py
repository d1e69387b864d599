"""From findings to radiographs: vocabulary, prompts, anatomy, pseudo-masks and image synthesis."""
