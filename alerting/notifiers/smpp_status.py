"""What the `command_status` of an SMS centre's answer says about another try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from alerting.notification import Reason

OK: Final = 0
UNKNOWN_COMMAND: Final = 0x03
TRY_LATER: Final = 0x64
"""What we say to a message for us: keep it for somebody who reads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The status's name in the specification, its class, and whether the same message may pass later."""

    name: str
    reason: Reason
    retry: bool


_LATER: Final = True
_NEVER: Final = False

_TABLE: Final = (
    (0x01, "RINVMSGLEN", Reason.REFUSED, _NEVER),
    (0x02, "RINVCMDLEN", Reason.PROTOCOL, _LATER),
    (0x03, "RINVCMDID", Reason.PROTOCOL, _NEVER),
    (0x04, "RINVBNDSTS", Reason.PROTOCOL, _LATER),
    (0x05, "RALYBND", Reason.SERVER, _LATER),  # our former connection is not over yet for them
    (0x06, "RINVPRTFLG", Reason.REFUSED, _NEVER),
    (0x07, "RINVREGDLVFLG", Reason.REFUSED, _NEVER),
    (0x08, "RSYSERR", Reason.SERVER, _LATER),
    (0x0A, "RINVSRCADR", Reason.REFUSED, _NEVER),
    (0x0B, "RINVDSTADR", Reason.REFUSED, _NEVER),
    (0x0D, "RBINDFAIL", Reason.AUTH, _LATER),  # many centres say so when all connections are taken
    (0x0E, "RINVPASWD", Reason.AUTH, _NEVER),
    (0x0F, "RINVSYSID", Reason.AUTH, _NEVER),
    (0x14, "RMSGQFUL", Reason.RATE_LIMIT, _LATER),
    (0x15, "RINVSERTYP", Reason.REFUSED, _NEVER),
    (0x43, "RINVESMCLASS", Reason.REFUSED, _NEVER),
    (0x45, "RSUBMITFAIL", Reason.SERVER, _LATER),
    (0x48, "RINVSRCTON", Reason.REFUSED, _NEVER),
    (0x49, "RINVSRCNPI", Reason.REFUSED, _NEVER),
    (0x50, "RINVDSTTON", Reason.REFUSED, _NEVER),
    (0x51, "RINVDSTNPI", Reason.REFUSED, _NEVER),
    (0x53, "RINVSYSTYP", Reason.AUTH, _NEVER),
    (0x58, "RTHROTTLED", Reason.RATE_LIMIT, _LATER),
    (0x61, "RINVSCHED", Reason.REFUSED, _NEVER),
    (0x62, "RINVEXPIRY", Reason.REFUSED, _NEVER),
    (0x64, "RX_T_APPN", Reason.SERVER, _LATER),
    (0x65, "RX_P_APPN", Reason.REFUSED, _NEVER),
    (0x66, "RX_R_APPN", Reason.REFUSED, _NEVER),
    (0xC0, "RINVOPTPARSTREAM", Reason.REFUSED, _NEVER),
    (0xC1, "ROPTPARNOTALLWD", Reason.REFUSED, _NEVER),
    (0xC2, "RINVPARLEN", Reason.REFUSED, _NEVER),
    (0xC3, "RMISSINGOPTPARAM", Reason.REFUSED, _NEVER),
    (0xC4, "RINVOPTPARAMVAL", Reason.REFUSED, _NEVER),
    (0xFE, "RDELIVERYFAILURE", Reason.SERVER, _LATER),
    (0xFF, "RUNKNOWNERR", Reason.SERVER, _LATER),
)

VERDICTS: Final[Mapping[int, Verdict]] = {
    code: Verdict(name=f"ESME_{name}", reason=reason, retry=retry) for code, name, reason, retry in _TABLE
}


def of_command_status(status: int) -> Verdict:
    """Return the verdict on a status other than 0. A centre's own number is tried again: nobody knows better."""
    found = VERDICTS.get(status)
    return found or Verdict(name=f"status 0x{status:08x}", reason=Reason.SERVER, retry=True)
