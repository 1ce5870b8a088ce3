"""TLS: shakes hands once and tells what the certificates are worth."""

from __future__ import annotations

import ssl
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Final

from probes.api import Metric, ProbeFailed, Reading, Run
from probes.network.address import parse_host, parse_target
from probes.network.certificate import CERTIFICATE_METRICS, certificate_values, is_for
from probes.network.connection import Address, Connection, Family, resolve
from probes.network.families import Families, check_both, over
from probes.network.starttls import StartTls, ask_for_tls
from probes.network.talk import Talk
from probes.network.tls import TlsMinimum, check_files, names_another, trust
from probes.sample import ErrorClass
from probes.units import Unit

_PORT: Final = 443


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Shakes hands over TLS once. Up when the certificates are valid and for the name; says which is not.

    When they are not, a second handshake that takes whatever comes tells how long they hold all the same.

    target: host, or host and port like mail.example.com:25 or [2001:db8::1]:8443
    port: the port, where target does not hold it (default 443)
    starttls: protocol that begins in the clear and turns to TLS: smtp, imap, pop3, ftp or postgresql
    server_name: name to ask for and to expect in the certificate instead of the target's
    ca: file with the certificates to trust instead of the system's
    cert: file with a certificate of our own to show, with those it was signed by
    key: file with its key, where cert does not hold it; without a password
    tls_min: oldest version of TLS that will do: 1.2 or 1.3 (default 1.2)
    family: which addresses of the host are used: v4, v6, any, or both, each in every run (default any)
    """

    KIND: ClassVar[str] = "tls"
    HOST: ClassVar[bool] = False
    SCHEMES: ClassVar[tuple[str, ...]] = ("tls",)
    PART: ClassVar[str | None] = None
    METRICS: ClassVar[Mapping[str, Metric]] = {
        "connect_seconds": Metric(unit=Unit.SECONDS, help="Time to open the connection, the name looked up."),
        "handshake_seconds": Metric(unit=Unit.SECONDS, help="Time of the TLS handshake."),
        "valid": Metric(
            unit=Unit.COUNT, help="1 when the certificates are valid and for the name asked for, else 0."
        ),
        **CERTIFICATE_METRICS,
    }
    EXAMPLE: ClassVar[Mapping[str, object]] = {"target": "mail.example.com:25", "starttls": "smtp"}

    target: str
    port: int | None = None
    starttls: StartTls | None = None
    server_name: str | None = None
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    tls_min: TlsMinimum | None = None
    family: Families = Families.ANY

    def __post_init__(self) -> None:
        """Refuse what cannot be reached; take the port out of the target, which is the bare host from then on."""
        host, port = parse_target(self.target, self.port)
        object.__setattr__(self, "target", host)
        object.__setattr__(self, "port", port or _PORT)
        check_files(self.cert, self.key)
        check_both(self.family, host)
        if self.server_name is not None:
            object.__setattr__(self, "server_name", parse_host(self.server_name))

    @classmethod
    def from_url(cls, url: str) -> dict[str, object]:
        """Return the options which tls://host:port stands for."""
        return {"target": url.partition("://")[2].removesuffix("/")}

    def probe(self, run: Run) -> Coroutine[Any, Any, Reading]:
        """Shake hands; once more without asking much when the certificates are bad."""
        return over(self.family, self._look, run)

    async def _look(self, run: Run, family: Family) -> Reading:
        address = await resolve(run, self.target, self.port or _PORT, family)
        values: dict[str, float] = {}
        try:
            await self._shake(run, address, values, verify=True)
        except ProbeFailed as failure:
            run.phase(None)
            bad = failure.__cause__
            if not isinstance(bad, ssl.SSLCertVerificationError):
                raise
            phases, run.phases = run.phases, {}
            named = await self._look_closer(run, address, values)
            raise ProbeFailed(
                ErrorClass.TLS,
                self._complaint(bad, named=named),
                reading=Reading(values={**values, "valid": 0.0}, phases=phases),
            ) from failure
        return Reading(values={**values, "valid": 1.0}, phases=run.phases)

    async def _look_closer(self, run: Run, address: Address, values: dict[str, float]) -> bool | None:
        """Read bad certificates. Say whether they are for the name; None when they are not to be had."""
        run.log("the certificates are bad: looking at them without verification")
        try:
            return await self._shake(run, address, values, verify=False)
        except ProbeFailed as failure:
            run.log("nor that way: {}", failure.message)
            return None

    async def _shake(self, run: Run, address: Address, values: dict[str, float], *, verify: bool) -> bool:
        """Shake hands, write down what is learnt, and say whether the certificate is for the name."""
        context = await trust(
            run, verify=verify, ca=self.ca, cert=self.cert, key=self.key, minimum=self.tls_min
        )
        with Connection(address, f"{self.target}:{self.port}") as connection:
            await connection.connect(run, address)
            run.phase(None)
            values["connect_seconds"] = run.phases["connect"]
            if self.starttls is not None:
                await ask_for_tls(Talk(connection), self.starttls, run)
            await connection.start_tls(run, context, self._called)
            values["handshake_seconds"] = run.phases["tls"]
            values.update(certificate_values(connection))
            return verify or is_for(connection, self._called)

    @property
    def _called(self) -> str:
        return self.server_name or self.target.partition("%")[0]

    def _complaint(self, bad: ssl.SSLCertVerificationError, *, named: bool | None) -> str:
        """Say whether it is the name, the chain, or both."""
        name, cause = f"{self.target}:{self.port}", bad.verify_message
        if names_another(bad):
            return f"the certificate of {name} is not for its name: {cause}"
        also = f", nor is it for {self._called}" if named is False else ""
        return f"the certificate chain of {name} is not valid: {cause}{also}"
