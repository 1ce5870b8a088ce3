"""A real nginx on loopback, serving a page, to be stopped and started."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

from lab.tools import tool
from lab.wait import free_port, until

CONF = """
daemon off; master_process off; pid {home}/nginx.pid; error_log {home}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {home}/b; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f;
  uwsgi_temp_path {home}/u; scgi_temp_path {home}/s;
  server {{ listen 127.0.0.1:{port}; location / {{ default_type text/plain; return 200 "ok\\n"; }} }}
}}
"""


class Nginx:
    """`start` and `stop` as often as wanted; the port stays the same."""

    def __init__(self, home: Path) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._conf = home / "nginx.conf"
        self._conf.write_text(CONF.format(home=home, port=self.port))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/health"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [str(tool("nginx")), "-c", str(self._conf), "-e", str(self._conf.with_name("error.log"))],
            stdin=subprocess.DEVNULL,
        )
        until(self._answers, within=10, why="nginx does not answer")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None

    def _answers(self) -> bool:
        try:
            socket.create_connection(("127.0.0.1", self.port), 0.2).close()
        except OSError:
            return False
        return True
