"""What an HTTP status says about another try."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from alerting.notification import Reason

REFUSALS: Final[Mapping[int, tuple[Reason, bool]]] = {
    **dict.fromkeys((401, 403, 407), (Reason.AUTH, False)),
    **dict.fromkeys((400, 404, 405, 406, 410, 411, 413, 414, 415, 422, 431), (Reason.REFUSED, False)),
    408: (Reason.TIMEOUT, True),
    425: (Reason.SERVER, True),
    429: (Reason.RATE_LIMIT, True),
}


def of_status(status: int) -> tuple[Reason, bool]:
    """Return the reason, and whether the same message may pass later.

    Final is only what is known to be: an unlisted 4xx is tried again. A redirect is final, since we follow none.
    """
    if status in REFUSALS:
        return REFUSALS[status]
    if status < 400:
        return Reason.REFUSED, False
    return Reason.SERVER if status >= 500 else Reason.REFUSED, True
