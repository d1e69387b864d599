"""Which of the image models that ship drew a build."""

from collections.abc import Mapping
from typing import Any


def shipped_model(build: Mapping[str, Any]) -> str:
    """``fast`` or ``best``, of what ``build.json`` holds; "" where another's model drew it, where real films
    were edited, and where nothing is said."""
    config = build.get("config") or {}
    images = config.get("images") or {}
    if not images or images.get("checkpoint") or config.get("edit"):
        return ""
    return str(images.get("model", "best"))
