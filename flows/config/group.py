"""What every group of settings is."""

from pydantic import BaseModel, ConfigDict


class Group(BaseModel):
    """Frozen, knows its keys, refuses NaN and infinity."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
