"""People, rotas and escalations put together, and who answers when nobody is named."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from alerting.oncall.person import Person
from alerting.oncall.policy import Policy, Recipients, Step
from alerting.oncall.rota import Rota, Shift
from alerting.tickets.terms import DEFAULT_TERMS, Terms, TicketClass
from config.document import Document
from config.references import DEFAULT_POLICY, default_policies
from config.schema.outward import TermsKeys

BACKUP_AFTER: Final = timedelta(minutes=5)
EVERYBODY_AFTER: Final = timedelta(minutes=15)
REPEAT: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """Who answers for what names nobody: the defaults, else the only one there is, else the first.

    The first of several is a guess, and a warning says so; a page to the wrong team is better than none.
    """

    default_owner: str | None
    default_escalation: str | None
    policy_of: dict[str, str]
    """Rota to the policy that stands in for it where no escalation is written."""

    def owner(self, named: str | None) -> str | None:
        """Return the rota that answers where `named` does not say."""
        return named or self.default_owner

    def escalation(self, named: str | None, owner: str | None) -> str | None:
        """Return the policy that is followed where `named` does not say."""
        return named or self.policy_of.get(self.owner(owner) or "", self.default_escalation)


def build_answering(document: Document, policies: dict[str, Policy]) -> Answering:
    """Return who answers by default."""
    defaults = document.defaults
    written = bool(document.escalations) or defaults.escalation is not None
    ids = default_policies(document)
    return Answering(
        default_owner=defaults.owner or next(iter(document.rotas), None),
        default_escalation=defaults.escalation or next(iter(policies), None),
        policy_of={} if written or len(ids) < 2 else dict(zip(document.rotas, ids, strict=True)),
    )


def build_people(document: Document) -> dict[str, Person]:
    """Return everybody on the staff."""
    return {
        id_: Person(
            id=id_,
            name=keys.name or id_,
            channels=keys.channels,
            language=keys.language or document.site.languages[0],
            skills=keys.skills,
        )
        for id_, keys in document.people.items()
    }


def build_rotas(document: Document) -> dict[str, Rota]:
    """Return every rota, in the site's zone where it names none."""
    return {
        id_: Rota(
            id=id_,
            zone=keys.timezone or document.site.timezone,
            shifts=tuple(
                Shift(
                    id=name,
                    begins=shift.from_,
                    ends=shift.to,
                    people=shift.people,
                    turn=shift.turn,
                    start=shift.start,
                    days=shift.days,
                )
                for name, shift in keys.shifts.items()
            ),
            backup=keys.backup,
        )
        for id_, keys in document.rotas.items()
    }


def build_policies(document: Document) -> dict[str, Policy]:
    """Return the escalations that are written, or those that stand in for them."""
    if not document.escalations:
        return _stand_ins(document)
    policies = {}
    for id_, steps in document.escalations.items():
        repeat = next((step.repeat for step in steps if step.repeat is not None), REPEAT)
        policies[id_] = Policy(
            id=id_,
            steps=tuple(
                Step(
                    recipients=Recipients(
                        rota=step.page.rota, backup=step.page.backup, people=step.page.people
                    ),
                    after=step.after or timedelta(0),
                    by=step.by,
                )
                for step in steps
                if step.page is not None
            ),
            repeat=repeat,
        )
    return policies


def _stand_ins(document: Document) -> dict[str, Policy]:
    everybody = tuple(document.people)
    if not everybody:
        return {}
    if not document.rotas:
        step = Step(recipients=Recipients(people=everybody))
        return {DEFAULT_POLICY: Policy(id=DEFAULT_POLICY, steps=(step,), repeat=REPEAT)}
    policies = {}
    for id_, rota in zip(default_policies(document), document.rotas, strict=True):
        steps = [Step(recipients=Recipients(rota=rota))]
        if document.rotas[rota].backup:
            steps.append(Step(recipients=Recipients(backup=rota), after=BACKUP_AFTER))
        steps.append(Step(recipients=Recipients(people=everybody), after=EVERYBODY_AFTER))
        policies[id_] = Policy(id=id_, steps=tuple(steps), repeat=REPEAT)
    return policies


def build_terms(document: Document) -> dict[TicketClass, Terms]:
    """Return the clocks of every class of tickets."""
    written = document.tickets.classes
    return {one: terms_of(one, written[one]) if one in written else DEFAULT_TERMS[one] for one in TicketClass}


def terms_of(ticket_class: TicketClass, written: TermsKeys) -> Terms:
    """Return the clocks of a class: what is written over the defaults; a new `respond` reminds at its half."""
    default = DEFAULT_TERMS[ticket_class]
    respond = written.respond or default.respond
    return Terms(
        respond=respond,
        remind=written.remind or (respond / 2 if written.respond else default.remind),
        resolve=written.resolve or max(default.resolve, respond),
    )
