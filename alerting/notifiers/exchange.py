"""One HTTP exchange with a provider: one request, and the answer within limits.

Whoever asks says what to send and judges what came back; here is all that can go wrong below HTTP, told in words
that hold no secret, and whether the provider may have taken the message by then.
"""

from __future__ import annotations

import json
import os
import re
import ssl
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Final

from alerting.notification import Reason
from alerting.notifiers.api import DeliveryError, Progress
from alerting.notifiers.line import LookUpError, NotHttpError, Place, connect
from alerting.notifiers.reach import Trust, cause, hide, words
from alerting.notifiers.status import of_status
from probes.network.http1 import write_request

if TYPE_CHECKING:
    from yarl import URL

ANSWER_BYTES: Final = 65536
ANSWER_SECONDS: Final = 1.0
"""Where the status line is the answer: what follows is evidence and is not waited for any longer than this."""
RETRY_AFTER_LONGEST: Final = timedelta(days=1)
_BREAKS: Final = re.compile(r"[\r\n\0]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request, and how to speak of it.

    `url` is percent-encoded already and taken as it stands. `doing` follows "cannot" in every error ("post to
    desk.example.com"); `secrets` are URLs, headers or keys no piece of which may show. `patience` is how many
    seconds the body of the answer is waited for; None: as long as the caller waits.
    """

    url: str = field(repr=False)
    doing: str
    method: str = "POST"
    content: bytes | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ca: str | None = None
    secrets: tuple[str | None, ...] = field(default=(), repr=False)
    patience: float | None = ANSWER_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back: the beginning of the body, at most `ANSWER_BYTES` of it."""

    request: Request
    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""

    @property
    def well(self) -> bool:
        """True for any 2xx."""
        return 200 <= self.status < 300

    @property
    def said(self) -> str:
        """The body as one short line. A provider may repeat what it was sent: that is hidden."""
        return self.hidden(self.content.decode("utf-8", "replace"))

    def hidden(self, text: str) -> str:
        """Return the provider's `text` as one short line without secrets."""
        return hide(words(text), *self.request.secrets)

    @property
    def told(self) -> dict[str, Any] | None:
        """The body as a JSON object; None where it is none, or not whole."""
        if not self.content.lstrip().startswith(b"{"):
            return None
        try:
            found = json.loads(self.content)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, dict) else None

    @property
    def retry_after(self) -> timedelta | None:
        """How long the provider wants to be left alone: seconds or an HTTP date, at most a day."""
        wish = self.headers.get("retry-after", "").strip()
        if re.fullmatch(r"[0-9]{1,9}", wish):
            return min(timedelta(seconds=int(wish)), RETRY_AFTER_LONGEST)
        try:
            wait = parsedate_to_datetime(wish).astimezone(UTC) - datetime.now(UTC)
        except (ValueError, TypeError, OverflowError):
            return None
        return max(timedelta(0), min(wait, RETRY_AFTER_LONGEST))

    def refusal(self) -> DeliveryError:
        """Return the error that a status other than 2xx stands for."""
        reason, retry = of_status(self.status)
        if self.status < 400:
            why = f"{self.status}, redirects are not followed"
        else:
            why = f"{self.status} {self.said}".rstrip()
        return DeliveryError(
            f"cannot {self.request.doing}: {why}",
            reason=reason,
            retry=retry,
            retry_after=self.retry_after if retry else None,
        )


async def exchange(request: Request, progress: Progress, trust: Trust) -> Answer:
    """Send `request` once and return the answer, whatever its status. Raise DeliveryError.

    The connection is fresh, and leads through the proxy of the environment where one is set (see `egress`). Redirects
    are not followed. The caller owns the deadline.
    """
    from yarl import URL

    from alerting.notifiers.egress import proxy_for

    try:
        url = URL(request.url, encoded=True)
        proxy = proxy_for(url, os.environ)
        if proxy is None:
            return await _straight(request, url, progress, trust)
    except ValueError:
        raise invalid(request) from None
    from alerting.notifiers.detour import through

    return await through(proxy, url, request, progress, trust)


async def _straight(request: Request, url: URL, progress: Progress, trust: Trust) -> Answer:
    """Exchange without a proxy. Raise DeliveryError, and ValueError for a URL or header that cannot be sent."""
    place = Place(host=url.raw_host or "", port=url.port or 0, tls=url.scheme == "https", ca=request.ca)
    written = _written(request, url)

    def leaving() -> None:
        progress.sent = True

    try:
        wire = await connect(place, trust, ANSWER_BYTES)
    except LookUpError as error:
        why = f"cannot look up the name: {cause(error.__cause__ or error)}"
        raise failure(request, progress, why) from None
    except OSError as error:
        reason = Reason.TLS if isinstance(error, ssl.SSLError) else Reason.CONNECT
        raise failure(request, progress, cause(error), reason) from None
    try:
        await wire.ask(written, leaving, request.patience)
    except NotHttpError:
        raise failure(request, progress, "the answer is not HTTP", Reason.PROTOCOL) from None
    except ConnectionError:
        raise failure(request, progress, "connection closed without an answer") from None
    except OSError as error:
        raise failure(request, progress, cause(error)) from None
    finally:
        wire.close()
    content = bytes(wire.body[:ANSWER_BYTES])
    return Answer(request=request, status=wire.status, headers=wire.fields, content=content)


def _written(request: Request, url: URL) -> bytes:
    """Return the request as it goes over the wire. Raise ValueError for what no header can hold."""
    content = request.content or b""
    own = {name.lower() for name in request.headers}
    headers = {
        "Host": url.host_port_subcomponent or "",
        "Accept": "*/*",
        "Accept-Encoding": "identity",  # an answer that unpacks to gigabytes stays packed
        "User-Agent": "Nightbell",
    }
    if url.user is not None:
        if "authorization" in own:
            raise ValueError("two kinds of authorization")
        named = f"{url.user}:{url.password or ''}".encode()
        headers["Authorization"] = f"Basic {b64encode(named).decode()}"
    headers = {name: value for name, value in headers.items() if name.lower() not in own} | dict(
        request.headers
    )
    if content or request.method != "GET":
        headers["Content-Length"] = str(len(content))
    headers["Connection"] = "close"
    if any(_BREAKS.search(name + value) for name, value in headers.items()):
        raise ValueError("a header holds the end of a line")
    path = url.raw_path_qs
    return write_request(
        request.method, path if path.startswith("/") else f"/{path}", headers.items(), content
    )


def failure(request: Request, progress: Progress, why: str, reason: Reason = Reason.CONNECT) -> DeliveryError:
    """Return the error of an exchange that came to no answer."""
    return DeliveryError(f"cannot {request.doing}: {why}", reason=reason, ambiguous=progress.sent)


def invalid(request: Request) -> DeliveryError:
    """Return the error of a request that cannot be made."""
    return DeliveryError(
        f"cannot {request.doing}: the URL or a header is not valid", reason=Reason.CONFIG, retry=False
    )
