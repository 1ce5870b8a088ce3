"""Apprise URLs that notifiers of ours serve, because Apprise reports success for what these services refused.

Each function turns a URL in Apprise's own form into the notifier it stands for, or raises ValueError with a complaint
that holds no secret. What only Apprise heeds in the query (`cto`, `rto`, `overflow`, `format` …) means nothing here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

from alerting.notifiers.api import Notifier
from alerting.notifiers.dingtalk import DingTalk
from alerting.notifiers.feishu import Feishu
from alerting.notifiers.serverchan import ServerChan
from alerting.notifiers.smpp import Smpp
from alerting.notifiers.wecom import WeCom

IDLE: Final = frozenset(
    (
        "cto",
        "emojis",
        "format",
        "optional",
        "overflow",
        "redirect",
        "retry",
        "rto",
        "store",
        "tz",
        "verify",
        "wait",
    )
)
"""Options of every Apprise URL, without a meaning for notifiers of ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """An Apprise URL taken apart; the host keeps its case, for it holds a token."""

    host: str
    user: str
    steps: tuple[str, ...]
    query: Mapping[str, str]

    @classmethod
    def of(cls, url: str) -> Parts:
        """Take `url` apart. Raise ValueError."""
        try:
            found = urlsplit(url)
        except ValueError:
            raise ValueError("cannot be read as a URL") from None
        user, _, host = found.netloc.rpartition("@")
        query = {name.lower(): value for name, value in parse_qsl(found.query, keep_blank_values=True)}
        return cls(
            host=unquote(host),
            user=unquote(user.partition(":")[0]),
            steps=tuple(unquote(step) for step in found.path.split("/") if step),
            query=query,
        )


def _dingtalk(parts: Parts) -> Notifier:
    """`dingtalk://[secret@]token[/phone…][?to=phone,…]`."""
    more = re.split(r"[\s,;]+", parts.query.get("to", ""))
    return DingTalk(
        token=parts.query.get("token") or parts.host,
        secret=parts.query.get("secret") or parts.user or None,
        at=tuple(name for name in (*parts.steps, *more) if name),
    )


def _wecom(parts: Parts) -> Notifier:
    """`wecombot://key`."""
    return WeCom(key=parts.query.get("key") or parts.host)


def _feishu(parts: Parts) -> Notifier:
    """`feishu://token`."""
    return Feishu(token=parts.query.get("token") or parts.host)


def _lark(parts: Parts) -> Notifier:
    """`lark://token`."""
    return Feishu(token=parts.query.get("token") or parts.host, region="lark")


def _serverchan(parts: Parts) -> Notifier:
    """`schan://key`."""
    return ServerChan(key=parts.host)


ROBOTS: Final[Mapping[str, tuple[Callable[[Parts], Notifier], tuple[str, ...]]]] = {
    "dingtalk": (_dingtalk, ("to", "token", "secret")),
    "wecombot": (_wecom, ("key",)),
    "feishu": (_feishu, ("token",)),
    "lark": (_lark, ("token",)),
    "schan": (_serverchan, ()),
}
"""By scheme: what makes the notifier, and the options it reads from the query."""

CENTRES: Final = ("smpp", "smpps")

COPIED: Final = (
    (re.compile(r"https://qyapi\.weixin\.qq\.com/cgi-bin/webhook/send/?\?key=([\w-]+)"), "wecombot"),
    (re.compile(r"https://open\.larksuite\.com/open-apis/bot/v2/hook/([\w-]+)/?"), "lark"),
)
"""URLs as the services show them, which Apprise takes too."""


def native(url: str) -> Notifier | None:
    """Return our notifier for an Apprise URL; None where Apprise itself is to send. Raise ValueError."""
    scheme, url = _plain(url)
    if scheme in CENTRES:
        return Smpp.from_url(url)
    if scheme not in ROBOTS:
        return None
    parts = Parts.of(url)
    if parts.query.get("verify", "yes").lower() in ("no", "false", "0", "off"):
        raise ValueError(
            "verify=no is not heeded; name the authority by the option `ca` of the service's own notifier"
        )
    made = ROBOTS[scheme][0](parts)
    if (complaint := made.complaint()) is not None:
        raise ValueError(complaint)
    return made


def oddity(url: str) -> str | None:
    """Say which option of such a URL nobody reads: by its place, for its name may be a piece of a secret."""
    scheme, url = _plain(url)
    known = (*ROBOTS[scheme][1], *IDLE) if scheme in ROBOTS else IDLE
    for number, name in enumerate(Parts.of(url).query, 1):
        if name not in known:
            return f"option {number} after the ? of the URL is not known"
    return None


def _plain(url: str) -> tuple[str, str]:
    """Return the scheme and the URL in Apprise's own form."""
    for pattern, scheme in COPIED:
        if found := pattern.fullmatch(url):
            return scheme, f"{scheme}://{found[1]}"
    scheme, _, rest = url.partition("://")
    return scheme.lower(), f"{scheme.lower()}://{rest}"
