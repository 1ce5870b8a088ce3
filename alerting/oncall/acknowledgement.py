"""How a person proves that an acknowledgement is theirs: a signed link, or a short code to send back.

Both are computed from the key in the state directory and never stored, so they outlive a crash. A link
says which incident, person and step it stands for; what it may still do is decided where it is used. Both hold the
moment at which the incident was opened too: a number that was never recorded is given again after a crash, and what
was sent of the one outage must never acknowledge the other.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

TOKEN_CHARACTERS: Final = 1100
"""Longest token that is looked at."""

CODE_CHARACTERS: Final = 6
CODE_ALPHABET: Final = "ACDEFGHJKMNPQRTUVWXY34679"
"""Without what is mistaken for each other on a small screen or over the phone: 0 O, 1 I L, 2 Z, 5 S, 8 B."""

KEY_BYTES: Final = 16
"""Shortest key that is used."""

_SEAL_BYTES: Final = 16
_FIELD_BYTES: Final = 255
# The purpose goes into every MAC: a code can never be turned into a link, nor one version into the next.
_LINK: Final = b"nightbell link 1\0"
_CODE: Final = b"nightbell code 1\0"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a genuine token says. `step` is the escalation step ("round.step") whose page carried it."""

    incident: str
    person: str
    step: str
    opened: str = ""

    def fits(self, opened_at: datetime) -> bool:
        """Tell whether it is about the incident that was opened then. One that does not say so fits any."""
        return self.opened in ("", _moment(opened_at))


def token(key: bytes, incident: str, person: str, step: str, opened_at: datetime | None) -> str:
    """Return the token of a link: letters, digits, "-" and "_" only.

    `opened_at` is None where that is not known: of a page that a former version queued.
    Raise ValueError when one of the three is longer than 255 bytes in UTF-8, or the key shorter than 16.
    """
    claim = _pack(incident, person, step, *_when(opened_at))
    return base64.urlsafe_b64encode(_seal(key, _LINK + claim) + claim).rstrip(b"=").decode("ascii")


def read(key: bytes, token: str) -> Claim | None:
    """Return what `token` stands for; None for anything that this key did not sign. Never raises."""
    if len(token) > TOKEN_CHARACTERS or len(key) < KEY_BYTES:
        return None
    try:
        text = token.encode("ascii")
        raw = base64.b64decode(text + b"=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except ValueError:
        return None
    seal, claim = raw[:_SEAL_BYTES], raw[_SEAL_BYTES:]
    if not hmac.compare_digest(seal, _seal(key, _LINK + claim)):
        return None
    if base64.urlsafe_b64encode(raw).rstrip(b"=") != text:  # one claim, one spelling
        return None
    return _unpack(claim)


def short_code(key: bytes, incident: str, person: str, opened_at: datetime | None) -> str:
    """Return the code with which `person` acknowledges `incident`, opened then, by a reply: 6 characters."""
    number = int.from_bytes(_seal(key, _CODE + _pack(incident, person, *_when(opened_at))), "big")
    letters = []
    for _ in range(CODE_CHARACTERS):
        number, place = divmod(number, len(CODE_ALPHABET))
        letters.append(CODE_ALPHABET[place])
    return "".join(letters)


def same_code(given: str, code: str) -> bool:
    """Tell whether `given`, as typed by a person (small letters, blanks, hyphens), is `code`. Never raises."""
    if len(given) > 4 * CODE_CHARACTERS:
        return False
    typed = "".join(letter for letter in given.upper() if not letter.isspace() and letter != "-")
    return hmac.compare_digest(typed.encode("utf-8", "replace"), code.encode("utf-8", "replace"))


def holder_of(
    key: bytes, given: str, told: Iterable[tuple[str, str, datetime | None]]
) -> tuple[str, str] | None:
    """Return the incident and the person whose code `given` is, of those who were told theirs.

    Those are incident, person and when the incident was opened.

    None where it is nobody's, and where it fits more than one.
    """
    found = {one[:2] for one in told if same_code(given, short_code(key, *one))}
    return found.pop() if len(found) == 1 else None


def _when(opened_at: datetime | None) -> tuple[str, ...]:
    return () if opened_at is None else (_moment(opened_at),)


def _moment(opened_at: datetime) -> str:
    """Return six characters that stand for a moment: links stay short, and what is told apart is few."""
    digest = hashlib.sha256(opened_at.astimezone(UTC).isoformat().encode()).digest()
    return base64.urlsafe_b64encode(digest[:4]).rstrip(b"=").decode("ascii")


def _seal(key: bytes, message: bytes) -> bytes:
    if len(key) < KEY_BYTES:
        raise ValueError("cannot sign an acknowledgement: the key is shorter than 16 bytes")
    return hmac.digest(key, message, "sha256")[:_SEAL_BYTES]


def _pack(*fields: str) -> bytes:
    """Return the fields, each behind its length, so that no two lists of fields give the same bytes."""
    packed = bytearray()
    for field in fields:
        raw = field.encode("utf-8")
        if len(raw) > _FIELD_BYTES:
            raise ValueError(f"cannot sign an acknowledgement: {field[:40]!r}… is longer than 255 bytes")
        packed.append(len(raw))
        packed += raw
    return bytes(packed)


def _unpack(packed: bytes) -> Claim | None:
    fields, at = [], 0
    while at < len(packed):
        end = at + 1 + packed[at]
        fields.append(packed[at + 1 : end])
        at = end
    if len(fields) not in (3, 4) or at != len(packed):
        return None
    try:
        incident, person, step, *opened = (field.decode("utf-8") for field in fields)
    except UnicodeDecodeError:
        return None
    return Claim(incident=incident, person=person, step=step, opened="".join(opened))
