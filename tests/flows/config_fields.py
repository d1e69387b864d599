"""The fields of a config, by their dotted names, and the least that one needs."""

from pydantic import BaseModel

from flows.config.schema import BuildConfig

BASE = {"candidates": 64, "shard_size": 16, "output": "out"}


def leaves(model=BuildConfig, prefix=""):
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from leaves(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
