"""Web servers that others wrote, all on loopback, all serving the same few things, in the clear and over TLS.

    with WebServers() as servers:
        servers.url("apache", "/small.txt", secure=True), servers.ca

Each of `NAMES` has /small.txt (`SMALL`), /large.txt (`LARGE`, packed where the client takes it), /moved (to
/small.txt) and no /missing; what else a server can do stands in `CAN`. Two speak in the clear only: see `SECURE`.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final, Self

import trustme

from lab.tools import ROOT, tool
from lab.wait import free_port, until

SMALL: Final = b"a small page with a needle in it\n"
LARGE: Final = (
    b"".join(b"line %d of a page that packs well\n" % number for number in range(5000)) + b"needle\n"
)
_UNPACKED: Final = ROOT / ".tools" / "debian"

NAMES: Final = ("nginx", "apache", "lighttpd", "haproxy", "caddy", "node", "python", "python-1.0")
SECURE: Final = ("nginx", "apache", "lighttpd", "haproxy", "caddy", "node")
CAN: Final[dict[str, frozenset[str]]] = {
    "nginx": frozenset({"gzip", "empty"}),
    "apache": frozenset({"gzip", "br", "empty"}),
    "lighttpd": frozenset({"gzip", "deflate"}),
    "haproxy": frozenset({"gzip", "empty"}),
    "caddy": frozenset({"gzip", "empty"}),
    "node": frozenset({"gzip", "br", "deflate", "empty", "interim", "slow", "trailers"}),
    "python": frozenset(),
    "python-1.0": frozenset(),
}
"""Beyond the common: how it packs, whether /empty answers 204, and manners of an application's own."""

_NGINX: Final = """
daemon off; master_process off; pid {home}/nginx.pid; error_log {home}/nginx.log;
events {{ worker_connections 256; }}
http {{
  access_log off; client_body_temp_path {home}/b; proxy_temp_path {home}/p; fastcgi_temp_path {home}/f;
  uwsgi_temp_path {home}/u; scgi_temp_path {home}/s; types {{ text/plain txt; }}
  gzip on; gzip_types text/plain; keepalive_requests 3; if_modified_since before;
  ssl_protocols TLSv1.2 TLSv1.3;
  ssl_certificate {home}/chain.pem; ssl_certificate_key {home}/key.pem;
  server {{
    listen 127.0.0.1:{plain}; listen 127.0.0.1:{secure} ssl; root {home}/pages;
    location = /moved {{ absolute_redirect off; return 302 /small.txt; }}
    location = /empty {{ return 204; }}
  }}
}}
"""

_APACHE: Final = """
ServerRoot {home}
ServerName 127.0.0.1
PidFile {home}/apache.pid
DefaultRuntimeDir {home}
Mutex posixsem
User nobody
Group nogroup
ErrorLog {home}/apache.log
TypesConfig /dev/null
{modules}
AddType text/plain txt
Listen 127.0.0.1:{plain}
Listen 127.0.0.1:{secure} https
DocumentRoot {home}/pages
<Location "/">
  Require all granted
  SetOutputFilter BROTLI_COMPRESS;DEFLATE
</Location>
Redirect 302 /moved /small.txt
RewriteEngine on
RewriteRule ^/empty$ - [R=204,L]
<VirtualHost 127.0.0.1:{secure}>
  SSLEngine on
  SSLCertificateFile {home}/chain.pem
  SSLCertificateKeyFile {home}/key.pem
  Redirect 302 /moved /small.txt
</VirtualHost>
"""
_APACHE_MODULES: Final = "mpm_event authz_core alias mime filter deflate brotli rewrite ssl"

_LIGHTTPD: Final = """
server.modules = ("mod_redirect", "mod_deflate", "mod_openssl")
server.document-root = "{home}/pages"
server.bind = "127.0.0.1"
server.port = {plain}
server.errorlog = "{home}/lighttpd.log"
mimetype.assign = (".txt" => "text/plain")
deflate.mimetypes = ("text/plain")
deflate.allowed-encodings = ("gzip", "deflate")
url.redirect = ("^/moved$" => "/small.txt")
url.redirect-code = 302
$SERVER["socket"] == "127.0.0.1:{secure}" {{
  ssl.engine = "enable"
  ssl.pemfile = "{home}/both.pem"
}}
"""

_HAPROXY: Final = """
defaults
  mode http
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend in
  bind 127.0.0.1:{plain}
  bind 127.0.0.1:{secure} ssl crt {home}/both.pem
  compression algo gzip
  compression type text/plain
  compression offload
  http-request redirect location /small.txt code 302 if {{ path /moved }}
  http-request return status 204 if {{ path /empty }}
  default_backend behind
backend behind
  server nginx 127.0.0.1:{behind}
"""

_CADDY: Final = """
{{
  admin off
  auto_https off
  storage file_system {home}/caddy
}}
(pages) {{
  root * {home}/pages
  redir /moved /small.txt 302
  respond /empty 204
  encode gzip
  file_server
}}
http://127.0.0.1:{plain} {{
  import pages
}}
https://127.0.0.1:{secure} {{
  tls {home}/chain.pem {home}/key.pem
  import pages
}}
"""

_NODE: Final = """
const fs = require("fs"), http = require("http"), https = require("https"), zlib = require("zlib");
const pages = "{home}/pages";
const packers = {{ gzip: zlib.createGzip, br: zlib.createBrotliCompress, deflate: zlib.createDeflate }};
function serve(request, response) {{
  if (request.url === "/moved") {{ response.writeHead(302, {{ Location: "/small.txt" }}); return response.end(); }}
  if (request.url === "/empty") {{ response.writeHead(204); return response.end(); }}
  if (request.url === "/interim") {{
    response.writeContinue(); response.writeProcessing(); return response.end("needle\\n");
  }}
  if (request.url === "/slow") {{
    let left = 5;
    const timer = setInterval(() => {{
      response.write("piece ");
      if (--left === 0) {{ clearInterval(timer); response.end("needle\\n"); }}
    }}, 10);
    return;
  }}
  if (request.url === "/trailers") {{
    response.writeHead(200, {{ Trailer: "X-Sum" }});
    response.write("needle\\n"); response.addTrailers({{ "X-Sum": "1" }}); return response.end();
  }}
  const path = pages + request.url;
  if (!fs.existsSync(path)) {{ response.writeHead(404); return response.end("none"); }}
  const changed = fs.statSync(path).mtime;
  if (new Date(request.headers["if-modified-since"]) >= Math.floor(changed / 1000) * 1000) {{
    response.writeHead(304); return response.end();
  }}
  const packer = packers[request.headers["accept-encoding"]];
  if (!packer || path.endsWith("small.txt")) {{
    const page = fs.readFileSync(path);
    response.writeHead(200, {{ "Content-Length": page.length }});
    return response.end(page);
  }}
  response.writeHead(200, {{ "Content-Encoding": request.headers["accept-encoding"] }});
  fs.createReadStream(path).pipe(packer()).pipe(response);
}}
http.createServer(serve).listen({plain}, "127.0.0.1");
const keys = {{ cert: fs.readFileSync("{home}/chain.pem"), key: fs.readFileSync("{home}/key.pem") }};
https.createServer(keys, serve).listen({secure}, "127.0.0.1");
"""

_PYTHON: Final = """
import functools, http.server, sys
class Handler(http.server.SimpleHTTPRequestHandler):
    protocol_version = "HTTP/{version}"
    def do_GET(self):
        if self.path == "/moved":
            self.send_response(302)
            self.send_header("Location", "/small.txt")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            super().do_GET()
    def log_message(self, *words): pass
handler = functools.partial(Handler, directory="{home}/pages")
http.server.ThreadingHTTPServer(("127.0.0.1", {plain}), handler).serve_forever()
"""


class WebServers:
    """All of them, started in the order of `NAMES` and waited for together."""

    def __init__(self) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="web-servers-")
        self.home = Path(self._home.name)
        self.home.chmod(0o755)  # Apache serves as nobody when it is started by root
        self.plain = {name: free_port() for name in NAMES}
        self.secure = {name: free_port() for name in SECURE}
        self._processes: list[subprocess.Popen[bytes]] = []

    def url(self, name: str, path: str, *, secure: bool = False) -> str:
        """Return where a server has something."""
        port = self.secure[name] if secure else self.plain[name]
        return f"{'https' if secure else 'http'}://127.0.0.1:{port}{path}"

    @property
    def ca(self) -> str:
        """File with the authority that vouches for all of them."""
        return str(self.home / "ca.pem")

    def __enter__(self) -> Self:
        self._write_pages()
        try:
            for name in NAMES:
                self._start(name)
            for name, port in (*self.plain.items(), *self.secure.items()):
                self._await(name, port)
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(5)
        self._home.cleanup()

    def _await(self, name: str, port: int) -> None:
        try:
            until(lambda: _answers(port), within=20, why=f"{name} does not answer")
        except AssertionError as failure:
            said = (self.home / f"{name}.out").read_text(errors="replace")[-1000:]
            raise AssertionError(f"{failure}: {said}") from None

    def _write_pages(self) -> None:
        pages = self.home / "pages"
        pages.mkdir()
        (pages / "small.txt").write_bytes(SMALL)
        (pages / "large.txt").write_bytes(LARGE)
        authority = trustme.CA()
        leaf = authority.issue_cert("127.0.0.1")
        authority.cert_pem.write_to_path(self.ca)
        chain = b"".join(blob.bytes() for blob in leaf.cert_chain_pems)
        (self.home / "chain.pem").write_bytes(chain)
        (self.home / "key.pem").write_bytes(leaf.private_key_pem.bytes())
        (self.home / "both.pem").write_bytes(leaf.private_key_pem.bytes() + chain)

    def _start(self, name: str) -> None:
        argv = getattr(self, f"_{name.partition('-')[0]}")(name)
        log = (self.home / f"{name}.out").open("wb")
        places = {"HOME": str(self.home), "XDG_CONFIG_HOME": str(self.home), "XDG_DATA_HOME": str(self.home)}
        with log:
            self._processes.append(
                subprocess.Popen(
                    argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={**os.environ, **places},
                    start_new_session=True,
                )
            )  # fmt: skip

    def _write(self, name: str, text: str, **filling: object) -> str:
        path = self.home / f"{name}.conf"
        ports = {"plain": self.plain[name], "secure": self.secure.get(name, 0), "behind": self.plain["nginx"]}
        path.write_text(text.format(home=self.home, **ports, **filling))
        return str(path)

    def _nginx(self, name: str) -> list[str]:
        return [str(tool("nginx")), "-c", self._write(name, _NGINX), "-e", str(self.home / "nginx.log")]

    def _apache(self, name: str) -> list[str]:
        folder = _modules("usr/lib/apache2/modules")
        modules = "\n".join(
            f"LoadModule {one}_module {folder}/mod_{one}.so" for one in _APACHE_MODULES.split()
        )
        return [str(tool("apache2")), "-f", self._write(name, _APACHE, modules=modules), "-DFOREGROUND"]

    def _lighttpd(self, name: str) -> list[str]:
        folder = _modules("usr/lib/lighttpd")
        return [str(tool("lighttpd")), "-D", "-f", self._write(name, _LIGHTTPD), "-m", str(folder)]

    def _haproxy(self, name: str) -> list[str]:
        return [str(tool("haproxy")), "-db", "-f", self._write(name, _HAPROXY)]

    def _caddy(self, name: str) -> list[str]:
        return [str(tool("caddy")), "run", "--adapter", "caddyfile", "--config", self._write(name, _CADDY)]

    def _node(self, name: str) -> list[str]:
        return [str(tool("node")), self._write(name, _NODE)]

    def _python(self, name: str) -> list[str]:
        version = "1.0" if name.endswith("1.0") else "1.1"
        return [sys.executable, self._write(name, _PYTHON, version=version)]


def _modules(folder: str) -> Path:
    """Return where a server's modules lie: beside the unpacked program, else on the machine."""
    unpacked = _UNPACKED / folder
    return unpacked if unpacked.exists() else Path("/") / folder


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 0.2).close()
    except OSError:
        return False
    return True
