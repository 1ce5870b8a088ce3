"""The alarm: everybody who has to hear of an incident that is not muted, in the right order."""

from __future__ import annotations

from alerting.desk import customers, paging, symptoms, work
from alerting.draft import Draft
from alerting.incidents.incident import Incident
from alerting.severity import Severity


def start(draft: Draft, incident: Incident, *, worse: bool = False) -> None:
    """Begin to tell: critical incidents page, milder ones reach the assignee by the quietest channel.

    `worse` has the pages say that it has become worse.
    """
    incident = customers.consider(draft, symptoms.gather(draft, incident))
    if incident.severity is Severity.CRITICAL:
        paging.start(draft, incident, worse=worse)
    else:
        work.tell_assignee(draft, incident)
