"""A certificate authority and a server certificate for the targets, made by openssl for one run."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lib.nginx import ADDRESSES
from lib.process import Unavailable, tool

_NEW = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30")


def certificates(folder: Path) -> tuple[Path, Path, Path]:
    """Return the authority's certificate, the server's and its key: P-256, good for all addresses of the targets."""
    folder.mkdir(parents=True, exist_ok=True)
    ca, ca_key = folder / "ca.pem", folder / "ca.key"
    chain, key = folder / "server.pem", folder / "server.key"
    names = ",".join(f"IP:127.0.0.{1 + number}" for number in range(ADDRESSES))
    _openssl(*_NEW, "-keyout", ca_key, "-out", ca, "-subj", "/CN=bench authority")
    _openssl(
        *_NEW, "-CA", ca, "-CAkey", ca_key, "-keyout", key, "-out", chain, "-subj", "/CN=bench",
        "-addext", f"subjectAltName={names}", "-addext", "basicConstraints=critical,CA:false",
    )  # fmt: skip
    return ca, chain, key


def _openssl(*arguments: str | Path) -> None:
    made = subprocess.run([tool("openssl"), *arguments], capture_output=True, text=True, check=False)
    if made.returncode:
        raise Unavailable(f"openssl {arguments[0]} failed: {made.stderr.strip().splitlines()[-1:]}")
