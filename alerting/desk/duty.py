"""Who answers for it now, and by which channels each of them is reached."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from alerting.draft import Draft
from alerting.incidents.incident import Incident
from alerting.oncall import reach
from alerting.oncall.escalation import Escalation
from alerting.oncall.policy import Policy, Recipients, Step
from alerting.plan import ChannelPlan

LAST_RESORT: Final = "fallback"
"""Id of the policy that stands in where none is configured: the fallback, again and again."""


def channels_of(draft: Draft, person: str, by: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Return the configured channels that reach a person, the first to try first; empty for nobody."""
    known = draft.plan.people.get(person)
    if known is None:
        return ()
    plan = draft.plan.channels
    if by:
        plain = {name for name, channel in plan.items() if _is_plain(channel)}
        return tuple(name for name in reach.channels(known, by, plain) if name in plan)
    return tuple(name for name in known.channels if name in plan)


def reaches(draft: Draft, channel: str, person: str) -> bool:
    """Tell whether a channel reaches a person now: a reload may have taken it, or the address on it, away."""
    return channel in channels_of(draft, person, (channel,))


def _is_plain(channel: ChannelPlan) -> bool:
    return channel.audience is None and not channel.needs_address


def policy_for(draft: Draft, incident: Incident) -> Policy | None:
    """Return the policy to follow for an incident; None where nobody at all is configured.

    A policy that is gone since a reload is stood in for by the one its check has now, else by the fallback,
    else by any there is: a page to the wrong team is better than none.
    """
    policies = draft.plan.policies
    check = draft.plan.checks.get(incident.cause.check)
    wanted = (incident.policy, check.escalation if check else None)
    named = (policies.get(name) for name in wanted if name is not None)
    found = next((policy for policy in named if policy is not None and policy.steps), None)
    if found is None and draft.plan.fallback:
        return Policy(id=LAST_RESORT, steps=(Step(recipients=Recipients(people=draft.plan.fallback)),))
    return found or next((policy for policy in policies.values() if policy.steps), None)


def people(draft: Draft, recipients: Recipients) -> tuple[str, ...]:
    """Return whom a step means now."""
    return reach.people(recipients, draft.plan.rotas, draft.now)


def anybody(draft: Draft, steps: Iterable[Step]) -> bool:
    """True where a step or the fallback reaches somebody now."""
    named = [(person, step.by) for step in steps for person in people(draft, step.recipients)]
    return any(
        channels_of(draft, person, by) for person, by in (*named, *((one, ()) for one in draft.plan.fallback))
    )


def on_duty(draft: Draft, owner: str | None) -> tuple[str, ...]:
    """Return who answers now for what the rota `owner` owns: who is on shift, else its backup, else the fallback.

    A sole rota owns everything.
    """
    rotas = draft.plan.rotas
    rota = rotas.get(owner or "") or (next(iter(rotas.values())) if len(rotas) == 1 else None)
    if rota is None:
        return draft.plan.fallback
    return people(draft, Recipients(rota=rota.id)) or rota.backup or draft.plan.fallback


def all_on_duty(draft: Draft) -> tuple[str, ...]:
    """Return who answers now for anything at all, each once; the fallback where there is no rota."""
    found = (person for rota in draft.plan.rotas for person in on_duty(draft, rota))
    return tuple(dict.fromkeys(found)) or draft.plan.fallback


def leads(draft: Draft, incident: Incident | None) -> tuple[str, ...]:
    """Return who is told when a clock lapses: the people of the policy's last step."""
    escalation = draft.get(Escalation, incident.id if incident else None)
    policy = policy_for(draft, incident) if incident else None
    steps = escalation.steps if escalation else policy.steps if policy else ()
    named = people(draft, steps[-1].recipients) if steps else ()
    return named or draft.plan.fallback
