"""A real PostgreSQL on loopback that speaks TLS, as whoever runs the tests; for root, which it refuses, as nobody."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final, Self

import trustme

from lab.tools import tool
from lab.wait import free_port, until

_NOBODY: Final = 65534


class Postgres:
    """Runs while the block does. `ca` is the file with the authority that vouches for 127.0.0.1."""

    def __init__(self, *, tls: bool = True) -> None:
        self.port = free_port()
        self._tls = tls
        self._home = Path(tempfile.mkdtemp(prefix="postgres-"))
        self.ca = str(self._home / "ca.pem")
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        data = self._home / "data"
        user = _NOBODY if os.geteuid() == 0 else None
        authority = trustme.CA()
        leaf = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(self.ca)
        if user is not None:
            os.chown(self._home, user, user)
        subprocess.run(
            [str(tool("initdb")), "--pgdata", str(data), "--auth", "trust", "--username", "lab", "--no-sync"],
            user=user, cwd=self._home, check=True, stdout=subprocess.DEVNULL, timeout=60,
        )  # fmt: skip
        chain, key = data / "chain.pem", data / "key.pem"
        chain.write_bytes(b"".join(blob.bytes() for blob in leaf.cert_chain_pems))
        key.write_bytes(leaf.private_key_pem.bytes())
        key.chmod(0o600)
        for path in (chain, key):
            if user is not None:
                os.chown(path, user, user)
        settings = {
            "listen_addresses": "127.0.0.1", "port": self.port, "unix_socket_directories": "", "fsync": "off",
            "ssl": "on" if self._tls else "off", "ssl_cert_file": chain, "ssl_key_file": key,
        }  # fmt: skip
        self._process = subprocess.Popen(
            [str(tool("postgres")), "-D", str(data), *(f"-c{name}={value}" for name, value in settings.items())],
            user=user, cwd=self._home, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until(lambda: (data / "postmaster.pid").exists() and "ready" in (data / "postmaster.pid").read_text(),
              within=30, why="PostgreSQL is not ready")  # fmt: skip
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(20)
        shutil.rmtree(self._home, ignore_errors=True)
