"""A changed record is what `dataclasses.replace` makes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alerting.altered import altered
from alerting.incidents.incident import IncidentState
from alerting.notification import NotificationState
from lab.records import incident, notification


def test_it_is_what_replacing_makes() -> None:
    for record, changes in (
        (incident(1), {"state": IncidentState.CLOSED, "ticket": "T-1"}),
        (notification(1), {"state": NotificationState.SENDING, "attempts": 1}),
        (notification(1), {}),
    ):
        assert altered(record, **changes) == replace(record, **changes)  # type: ignore[type-var]


def test_a_field_there_is_none_of_is_an_error() -> None:
    with pytest.raises(TypeError, match="titel"):
        altered(incident(1), titel="down")
