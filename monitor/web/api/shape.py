"""What every shape of an answer is: all fields are always there, and no others."""

from __future__ import annotations

from pydantic import AwareDatetime, BaseModel, ConfigDict

Moment = AwareDatetime


class Shape(BaseModel):
    """An answer: all fields are always there, and no others."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)
