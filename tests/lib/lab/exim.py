"""A real mail server on loopback: Debian's Exim, as whoever runs the tests, with greylistd where wanted.

    with Exim(users={"nb": "secret"}, greylist=True) as exim:
        exim.port, exim.ca, exim.mails(), exim.log()

It offers STARTTLS with a certificate for 127.0.0.1 that `ca` has signed, a login only once encrypted, takes mail from
whoever has logged in and delivers it into a Maildir. Exim refuses to run as root: then it runs as nobody.
"""

from __future__ import annotations

import email
import email.policy
import grp
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from email.message import EmailMessage
from pathlib import Path
from typing import Final, Self

import trustme

from lab.tools import ROOT, tool
from lab.wait import free_port, until

UNPACKED: Final = ROOT / ".tools" / "debian"
NOBODY: Final = 65534

CONF = """
exim_path = {program}
exim_user = Debian-exim
exim_group = Debian-exim
keep_environment = LD_LIBRARY_PATH : LD_PRELOAD : ^NSS_WRAPPER_
primary_hostname = mail.lab
qualify_domain = shop.example
spool_directory = {home}/spool
log_file_path = {home}/%slog
never_users =
host_lookup =
rfc1413_query_timeout = 0s
domainlist local_domains = shop.example
tls_advertise_hosts = {offer}
tls_certificate = {home}/certificate.pem
acl_smtp_rcpt = rcpt
acl_smtp_data = accept

begin acl
rcpt:
  deny     !authenticated = *
           message = log in first
  deny     !domains = +local_domains
           message = relaying is not permitted
  deny     local_parts = nobody
           message = no such mailbox
{greylist}
  accept

begin routers
all:
  driver = accept
  transport = maildir

begin transports
maildir:
  driver = appendfile
  directory = {home}/mail
  maildir_format
  user = Debian-exim

begin retry
*  *  F,1h,1m

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if eq{{$auth3}}{{${{lookup{{$auth2}}lsearch{{{home}/users}}}}}}}}
  server_advertise_condition = ${{if def:tls_in_cipher}}
"""
GREYLIST = """
  defer    condition = ${{readsocket{{{home}/grey.socket}}\
             {{--grey $sender_host_address $sender_address $local_part@$domain}}{{5s}}{{}}{{false}}}}
           message = greylisted, come back
"""
GREYLISTD = """
[timeouts]
retryMin = 0
retryMax = 28800
expire = 5184000
[socket]
path = {home}/grey.socket
owner = {owner}
mode = 0600
[data]
update = 600
statefile = {home}/grey.states
tripletfile = {home}/grey.triplets
savetriplets = true
singlecheck = false
singleupdate = false
"""


class Exim:
    """Runs while the context is open, in a folder of its own."""

    def __init__(self, *, users: Mapping[str, str], greylist: bool = False, offer_tls: bool = True) -> None:
        self.port = free_port()
        self.greylist = greylist
        self.home = Path(tempfile.mkdtemp(prefix="exim-"))
        self._uid = os.getuid() or NOBODY
        self._program = tool("exim4")
        self._processes: list[subprocess.Popen[bytes]] = []
        for folder in ("spool", "mail"):
            (self.home / folder).mkdir()
        blanks = {"home": self.home, "program": self._program, "offer": "*" if offer_tls else ""}
        self._write(
            "exim.conf", CONF.format(**blanks, greylist=GREYLIST.format(**blanks) if greylist else "")
        )
        self._write("greylistd.conf", GREYLISTD.format(home=self.home, owner=_owner()))
        self._write("users", "".join(f"{name}: {password}\n" for name, password in users.items()))
        authority = trustme.CA()
        self.ca = str(self.home / "ca.pem")
        authority.cert_pem.write_to_path(self.ca)
        signed = authority.issue_cert("127.0.0.1")
        signed.private_key_and_cert_chain_pem.write_to_path(str(self.home / "certificate.pem"))
        self._write(
            "passwd",
            f"runner:x:{self._uid}:{self._uid}::{self.home}:/bin/sh\n" + self._as_user("Debian-exim"),
        )
        self._write("group", f"Debian-exim:x:{self._uid}:\nmail:x:{self._uid}:\n")

    def _as_user(self, name: str) -> str:
        return f"{name}:x:{self._uid}:{self._uid}::{self.home}:/bin/false\n"

    def _write(self, name: str, text: str) -> None:
        (self.home / name).write_text(text)

    def __enter__(self) -> Self:
        if os.getuid() == 0:
            for path in (self.home, *self.home.rglob("*")):
                os.chown(path, NOBODY, NOBODY)
        try:
            if self.greylist:
                script = UNPACKED / "usr/sbin/greylistd" if _ours("greylistd") else tool("greylistd")
                command = [sys.executable, "-W", "ignore", str(script), str(self.home / "greylistd.conf")]
                self._start(command, uid=os.getuid())
                until((self.home / "grey.socket").exists, within=10, why="greylistd does not start")
            [library] = UNPACKED.glob("usr/lib/*/libnss_wrapper.so")
            self._start(
                [
                    str(self._program),
                    "-C",
                    str(self.home / "exim.conf"),
                    "-bdf",
                    "-oX",
                    f"127.0.0.1.{self.port}",
                ],
                LD_PRELOAD=str(library),
                NSS_WRAPPER_PASSWD=str(self.home / "passwd"),
                NSS_WRAPPER_GROUP=str(self.home / "group"),
            )
            until(self._answers, within=10, why="Exim does not start")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in reversed(self._processes):
            process.send_signal(signal.SIGTERM)
            process.wait(10)
        self._processes.clear()
        shutil.rmtree(self.home, ignore_errors=True)

    def _start(self, command: list[str], uid: int | None = None, **environment: str) -> None:
        uid = self._uid if uid is None else uid
        other = {"user": uid, "group": uid, "extra_groups": []} if uid != os.getuid() else {}
        with (self.home / "out").open("ab") as out:
            self._processes.append(
                subprocess.Popen(
                    command,
                    cwd=self.home,
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=out,
                    env={"PATH": os.environ.get("PATH", os.defpath), **environment},
                    **other,  # type: ignore[call-overload] # options by name
                )
            )

    def _answers(self) -> bool:
        if any(process.poll() is not None for process in self._processes):
            raise AssertionError((self.home / "out").read_text())
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as asking:
                return asking.recv(4).startswith(b"220")
        except OSError:
            return False

    def mails(self) -> list[EmailMessage]:
        """Return what was delivered into the Maildir, oldest first."""
        files = sorted((self.home / "mail" / "new").glob("*"), key=lambda one: one.stat().st_mtime_ns)
        return [
            email.message_from_bytes(one.read_bytes(), policy=email.policy.default)  # type: ignore[misc] # the policy's class
            for one in files
        ]

    def log(self) -> str:
        """Return what Exim wrote of mails taken and refused."""
        logs = [self.home / "mainlog", self.home / "rejectlog"]
        return "".join(log.read_text("utf-8", "replace") for log in logs if log.exists())


def _owner() -> str:
    """Return whom greylistd's socket is to belong to, by name: Exim's own, and only root can give it away."""
    uid = os.getuid() or NOBODY
    try:
        return f"{pwd.getpwuid(uid).pw_name}:{grp.getgrgid(pwd.getpwuid(uid).pw_gid).gr_name}"
    except KeyError:
        return ":"


def _ours(name: str) -> bool:
    return tool(name).is_relative_to(ROOT / ".tools")
