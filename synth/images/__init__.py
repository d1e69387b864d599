"""How it looks: the image model that ships, its parts, and the protocol that every image model keeps."""
