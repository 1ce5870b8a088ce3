"""Turns the public schema into HTML. Jinja2 is loaded at the first page, and escapes everything by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

from alerting.wording import customers
from alerting.wording.times import length, pick, short_time
from monitor.web.public.schema import PublicAnnouncement, StatusPage
from monitor.web.public.words import words

if TYPE_CHECKING:
    import jinja2

TEMPLATES: Final = Path(__file__).parent / "templates"


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters["iso"] = iso
    return environment


def render(template: str, language: str, zone: ZoneInfo, **given: Any) -> str:
    """Return a page in `language` with times in `zone`."""
    return (
        _environment()
        .get_template(template)
        .render(
            language=language,
            zone=zone,
            w=words(language),
            words_in=words,
            local=lambda at: short_time(at, zone),
            **given,
        )
    )


def status_page(page: StatusPage, language: str) -> str:
    """Return the status page."""
    return render("status.html", language, page.zone, page=page, **_helpers(page, language))


def announcement_page(page: StatusPage, one: PublicAnnouncement, language: str) -> str:
    """Return the page of one announcement."""
    return render("incident.html", language, page.zone, page=page, one=one, **_helpers(page, language))


def headline(page: StatusPage, one: PublicAnnouncement, language: str) -> str:
    """Return the headline of an announcement: what is affected, and how."""
    outage = customers.Outage(
        titles=one.titles or ({language: page.name},),
        zone=page.zone,
        impact=one.impact,
        began_at=one.began_at,
    )
    return customers.title(outage, language, over=one.over)


def duration(one: PublicAnnouncement, language: str) -> str | None:
    """Return how long it lasted, in words; None while it does."""
    end = one.recovered_at or one.resolved_at
    if end is None or not one.over:
        return None
    return length(max(end - one.began_at, timedelta(0)), pick([language], ("zh", "en")))


def iso(at: datetime) -> str:
    """Write an instant for machines, in UTC."""
    return at.astimezone(UTC).isoformat(timespec="seconds").removesuffix("+00:00") + "Z"


def name(titles: Mapping[str, str], language: str) -> str:
    """Return a title in `language`, else in English, else in any."""
    return titles.get(language) or titles.get("en") or next(iter(titles.values()), "")


def in_order(text: Mapping[str, str], language: str) -> list[tuple[str, str]]:
    """Return the words per language, the reader's own first; empty ones left out."""
    first = [(language, text[language])] if language in text else []
    return [
        pair for pair in (*first, *((key, one) for key, one in text.items() if key != language)) if pair[1]
    ]


def _helpers(page: StatusPage, language: str) -> dict[str, Any]:
    others: Sequence[str] = [one for one in page.languages if one != language]
    return {
        "headline": lambda one: headline(page, one, language),
        "duration": lambda one: duration(one, language),
        "name": lambda titles: name(titles, language),
        "in_order": lambda text: in_order(text, language),
        "others": others,
    }
