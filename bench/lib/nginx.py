"""What is asked: several nginx processes on loopback, each a server of its own, which count what they answered."""

from __future__ import annotations

import contextlib
import http.client
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lib.process import TARGETS, Program, answers, free_ports, running, tool

BODY = "a" * 289
ADDRESSES = 50
"""Of 127.0.0.0/8: as many hosts are asked."""
PLAIN = """
daemon off; master_process off; worker_rlimit_nofile 20000; pid {home}/{port}.pid; error_log {home}/{port}.error crit;
events {{ worker_connections 16384; multi_accept on; }}
http {{
  access_log off; keepalive_timeout {keepalive}; keepalive_requests 1000000; default_type text/plain;
  client_body_temp_path {home}/b; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f;
  uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
  {tls}
  server {{
    {listen}
    location / {{ return 200 "{body}"; }}
  }}
  server {{ listen 127.0.0.1:{counter}; location / {{ stub_status; }} }}
}}
"""


@dataclass(slots=True, eq=False)
class Nginxes:
    """Servers under way. `scheme` is http or https."""

    scheme: str
    ports: list[int]
    counters: list[int]
    programs: list[Program] = field(default_factory=list)
    _ours: int = 0
    """Requests by which we looked, not what is measured."""

    def url(self, number: int) -> str:
        """Return the number-th URL: addresses, servers and paths take turns."""
        return f"{self.scheme}://{self.host(number)}:{self.port(number)}/check/{number}"

    def host(self, number: int) -> str:
        """Return the address of the number-th URL."""
        return f"127.0.0.{1 + number % ADDRESSES}"

    def port(self, number: int) -> int:
        """Return the port of the number-th URL."""
        return self.ports[(number // ADDRESSES) % len(self.ports)]

    def counted(self) -> tuple[int, int]:
        """Return how many connections were accepted and requests answered so far by their own count, but for ours.

        Meant for differences: whoever waited for the servers to come up is in it.
        """
        self._ours += len(self.counters)
        counts = [self._count(port) for port in self.counters]
        return sum(one for one, _ in counts) - self._ours, sum(two for _, two in counts) - self._ours

    def _count(self, port: int) -> tuple[int, int]:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/")
            words = connection.getresponse().read().split()
        finally:
            connection.close()
        # "Active connections: N", "server accepts handled requests", then these three as numbers
        return int(words[7]), int(words[9])

    def ask(self) -> float:
        """Ask once as plainly as can be (a blocking socket) and return the seconds from connect to the last byte."""
        request = b"GET /truth HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
        self._ours += 1
        began = time.perf_counter()
        with socket.create_connection(("127.0.0.1", self.ports[0]), 5) as asked:
            asked.sendall(request)
            while asked.recv(65536):
                pass
            return time.perf_counter() - began


@contextlib.contextmanager
def nginxes(
    folder: Path, count: int = 4, *, keepalive: int = 0, certificate: tuple[Path, Path] | None = None
) -> Iterator[Nginxes]:
    """Start `count` servers; with `certificate` (chain, key) they speak TLS."""
    ports, counters = free_ports(2 * count)[:count], free_ports(count)
    found = Nginxes("https" if certificate else "http", ports, counters)
    tls = ""
    if certificate:
        tls = (
            f"ssl_certificate {certificate[0]}; ssl_certificate_key {certificate[1]}; ssl_session_cache off;"
        )
    folder.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        for port, counter in zip(ports, counters, strict=True):
            listen = " ".join(
                f"listen 127.0.0.{1 + number}:{port}{' ssl' if certificate else ''} backlog=4096;"
                for number in range(ADDRESSES)
            )
            conf = folder / f"{port}.conf"
            conf.write_text(
                PLAIN.format(home=folder, port=port, counter=counter, listen=listen, body=BODY,
                             keepalive=keepalive, tls=tls),
                encoding="utf-8",
            )  # fmt: skip
            found.programs.append(
                stack.enter_context(
                    running(
                        f"nginx-{port}",
                        [tool("nginx"), "-c", conf, "-e", folder / f"{port}.error"],
                        folder,
                        core=TARGETS,
                        ready=lambda counter=counter: answers(counter, "/"),  # type: ignore[misc]
                    )
                )
            )
        yield found
