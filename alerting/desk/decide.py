"""One input, one decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from alerting import inputs
from alerting.desk import (
    audit,
    heartbeat,
    maintenance,
    passing,
    people,
    publishing,
    receipts,
    regrouping,
    self_test,
    silences,
    waiting,
    work,
)
from alerting.draft import Draft
from alerting.plan import Plan
from alerting.state import Changes, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What is to be recorded, and the id of the object the input was about (empty where there is none)."""

    changes: Changes
    about: str = ""


HANDLERS: Final[Mapping[type, Callable[[Draft, Any], str]]] = {
    inputs.Judged: waiting.judged,
    inputs.Reloaded: maintenance.reloaded,
    inputs.Received: receipts.received,
    inputs.Interrupted: receipts.interrupted,
    inputs.Tick: passing.tick,
    inputs.Audit: audit.mend,
    inputs.Beat: heartbeat.beat,
    inputs.SelfTest: self_test.begin,
    inputs.Acknowledge: people.acknowledge,
    inputs.Resolve: people.resolve,
    inputs.Escalate: people.escalate,
    inputs.Merge: regrouping.merge,
    inputs.Split: regrouping.split,
    inputs.AddSilence: silences.add,
    inputs.EndSilence: silences.end,
    inputs.ChangeSilence: silences.change,
    inputs.AddMaintenance: maintenance.add,
    inputs.EndMaintenance: maintenance.end,
    inputs.ExtendMaintenance: maintenance.extend,
    inputs.OpenTicket: work.open_by_hand,
    inputs.WorkTicket: work.act,
    inputs.Publish: publishing.publish,
    inputs.Say: publishing.say,
}


def decide(state: State, given: inputs.Input, now: datetime, plan: Plan) -> Decision:
    """Return what `given` changes at `now`. Pure: the same arguments give the same decision.

    Raises Refused where a person's input cannot be carried out; nothing is changed then.
    """
    draft = Draft(state, plan, now)
    about = HANDLERS[type(given)](draft, given)
    return Decision(changes=draft.changes(), about=about)
