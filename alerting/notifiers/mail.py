"""A message as a mail: headers that survive anything put into them, and a body every server takes."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8
from email.utils import format_datetime, parseaddr
from typing import Final, Self

from alerting.notifiers.api import Message
from alerting.notifiers.reach import words

SUBJECT_LONGEST: Final = 200
_ATOM: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_PART: Final = r'[^\x00-\x20\x7f-\x9f\ud800-\udfff<>()\[\],;:\\"@]+'
_ADDRESS: Final = re.compile(f"{_PART}(@{_PART})?")
_NOT_TEXT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class BadAddress(ValueError):  # noqa: N818 - names what was given
    """What was given is no mail address."""


def mailbox(text: str) -> Address:
    """Return the mailbox in `Name <user@host>` or `user@host`; the host's name in ASCII. Raise BadAddress."""
    name, spec = parseaddr(text) if "<" in text else ("", text.strip())
    if not _ADDRESS.fullmatch(spec) or len(spec) > 254:
        raise BadAddress(f"{words(text, 60)!r} is no mail address")
    user, _, host = spec.partition("@")
    try:
        host = host.encode("idna").decode("ascii") if not host.isascii() else host
        return Address(words(name, 80), username=user, domain=host)
    except (UnicodeError, ValueError, IndexError) as error:
        raise BadAddress(f"{words(text, 60)!r} is no mail address") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """One mail to one mailbox. `sender` and `recipient` are those of the envelope."""

    sender: str
    recipient: str
    document: EmailMessage

    @classmethod
    def compose(cls, message: Message, *, sender: str) -> Self:
        """Make the mail of `message`; the same message makes the same mail. Raise BadAddress, nothing else."""
        origin, target = mailbox(sender), mailbox(message.address)
        domain = f"nightbell.{origin.domain}" if origin.domain else "nightbell.invalid"
        mail = EmailMessage(policy=SMTP.clone(cte_type="7bit"))  # no server has to know 8BITMIME
        mail["From"] = origin
        mail["To"] = Address(username=target.username, domain=target.domain)
        mail["Subject"] = words(message.title, SUBJECT_LONGEST)
        mail["Date"] = format_datetime(message.at)
        mail["Message-ID"] = f"<{_atom(message.dedup_key)}@{domain}>"
        if message.incident:  # one conversation per incident
            mail["References"] = f"<{_atom(message.incident)}@{domain}>"
            mail["X-Nightbell-Incident"] = _plain(message.incident)
        mail["X-Nightbell-Dedup-Key"] = _plain(message.dedup_key)
        if message.drill:
            mail["X-Nightbell-Drill"] = "true"
        mail["Auto-Submitted"] = "auto-generated"
        mail.set_content(_text(message.text), charset="utf-8")
        return cls(sender=origin.addr_spec, recipient=target.addr_spec, document=mail)

    @property
    def needs_utf8(self) -> bool:
        """True when a mailbox's user has a name that only SMTPUTF8 can carry."""
        return not (self.sender + self.recipient).isascii()

    def content(self) -> bytes:
        """Return head and body with CRLF line ends, without the dots of the transfer."""
        return self.document.as_bytes(policy=SMTPUTF8.clone(cte_type="7bit") if self.needs_utf8 else None)


def _atom(key: str) -> str:
    """Return `key` as one word of an address: as it is where it can be, else its hash."""
    return (
        key
        if len(key) <= 48 and _ATOM.fullmatch(key)
        else hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()[:32]
    )


def _plain(key: str) -> str:
    return words(key, 200).encode("ascii", "replace").decode()


def _text(text: str) -> str:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").encode("utf-8", "replace").decode()
    return _NOT_TEXT.sub("�", lines)
