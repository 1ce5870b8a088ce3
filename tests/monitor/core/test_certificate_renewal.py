"""A certificate that was renewed in its file is served after a reload, without a restart."""

from __future__ import annotations

import socket
import ssl
from pathlib import Path

import trustme

from lab.daemon import Nightbell
from lab.wait import until


def issue(home: Path) -> trustme.CA:
    """Write a fresh chain and key where the daemon reads them; return who vouches for them."""
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    chain = b"".join(blob.bytes() for blob in certificate.cert_chain_pems)
    for name, content in (("cert.pem", chain), ("key.pem", certificate.private_key_pem.bytes())):
        (home / name).write_bytes(content)
        (home / name).chmod(0o600)
    return authority


def vouched(port: int, authority: trustme.CA) -> bool:
    """Tell whether the public listener shows a certificate of `authority`."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 5) as plain,
            context.wrap_socket(plain, server_hostname="127.0.0.1"),
        ):
            return True
    except ssl.SSLCertVerificationError:
        return False


def test_a_reload_takes_a_renewed_certificate_and_keeps_it_over_a_broken_one(tmp_path: Path) -> None:
    first = issue(tmp_path)
    daemon = Nightbell(tmp_path / "daemon", "host: off\n")
    tls = daemon.home / "conf.d" / "tls.yaml"
    tls.parent.mkdir()
    tls.write_text(f"listen: {{tls: {{cert: {tmp_path}/cert.pem, key: {tmp_path}/key.pem}}}}\n")
    try:
        daemon.start()
        assert vouched(daemon.public, first)

        second = issue(tmp_path)
        daemon.hup()
        until(lambda: vouched(daemon.public, second), within=10, why=daemon.text()[-1000:])

        (tmp_path / "cert.pem").write_text("broken")
        daemon.hup()
        until(lambda: "cannot" in daemon.text(), within=10, why="the broken certificate is told")
        assert vouched(daemon.public, second)
        assert daemon.stop() == 0
    finally:
        daemon.close()
