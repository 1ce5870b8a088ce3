"""What a state is when it is begun anew from what was recorded."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import cast

from alerting.incidents.incident import Incident
from alerting.incidents.silence import Silence
from alerting.notification import Notification
from alerting.oncall.escalation import Escalation
from alerting.state import RECOVERIES_KEPT, Changes, Record, Recovery, State
from monitor.store.documents import adapter


def recorded(log: list[Changes], now: datetime) -> State:
    """Rebuild the state as the store would load it: every record through its document, only what still bears."""
    whole = State()
    for changes in log:
        whole.apply(replace(changes, records=tuple(_through_document(record) for record in changes.records)))
    state = State(numbers=dict(whole.numbers))
    open_incidents = whole.records[Incident]
    for kind, records in whole.records.items():
        kept = records
        if kind is Notification:
            rows = cast("dict[str, Notification]", records)
            kept = {
                key: row for key, row in rows.items() if row.incident in open_incidents or row.state.alive
            }
        elif kind is Escalation:
            kept = {key: record for key, record in records.items() if key in open_incidents}
        elif kind is Silence:
            silences = cast("dict[str, Silence]", records)
            kept = {key: silence for key, silence in silences.items() if silence.ends_at > now}
        state.records[kind].update(kept)
    _trim(state)
    return state


def _trim(state: State) -> None:
    newest: dict[str, list[Recovery]] = {}
    for record in cast("list[Recovery]", list(state.records[Recovery].values())):
        newest.setdefault(record.service, []).append(record)
    for records in newest.values():
        for old in records[:-RECOVERIES_KEPT]:
            del state.records[Recovery][old.id]


def _through_document(record: Record) -> Record:
    codec = adapter(type(record))
    return cast("Record", codec.validate_json(codec.dump_json(record)))
