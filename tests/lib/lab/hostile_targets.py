"""What is watched in the hostile world, and what has to come of it every single time.

Each target is its check's options and its outcome: `up`, or the error classes of which one must be given for `down`
(several only where it is a race which of them is true). A path alone is asked of the hostile web server. Numbers of
ports are filled in by name, from `lab.hostile_servers`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One check. `late`: its first samples may be timeouts, as one family of its addresses is tried first."""

    name: str
    options: str
    expected: frozenset[str]
    late: bool = False

    def check(self, ports: Mapping[str, int]) -> str:
        """Return its line of the configuration."""
        options = self.options
        if options.startswith("/"):
            options = f"http, url: 'http://127.0.0.1:%(http)d{options}'"
        return f"  {self.name}: {{probe: {options % ports}}}"

    def fits(self, outcome: str, error: str | None, *, first: bool = False) -> bool:
        """Tell whether a sample is as it has to be."""
        seen = outcome if outcome == "up" else error if outcome == "down" else f"{outcome}({error})"
        return seen in self.expected or (first and self.late and seen == "timeout")


def _http(options: str) -> str:
    return f"http, url: 'http://127.0.0.1:%(http)d{options}"


def _https(port: str, more: str = "") -> str:
    return f"http, url: 'https://127.0.0.1:%({port})d/ok', ca: CA{more}"


def _tls(port: str, more: str = "") -> str:
    return f"tls, target: '127.0.0.1:%({port})d', ca: CA{more}"


def _tcp(port: str, more: str = "") -> str:
    return f"tcp, target: '127.0.0.1:%({port})d'{more}"


def _dns(name: str, more: str = "") -> str:
    return f"dns, target: '127.0.0.1:%(dns)d', name: {name}.test{more}"


_NAMED: Final = ", server_name: shop.example.com"
_NEEDLE: Final = "', expect: {body_contains: needle}"

GROUPS: Final[dict[str, dict[str, tuple[str, str]]]] = {
    "says nothing, or hardly anything": {
        "hang": ("/hang", "timeout"),
        "hang-after-head": ("/hang-after-head", "timeout"),
        "drip-headers": ("/drip-headers", "timeout"),
        "drip-body": ("/drip-body", "timeout"),
        "silent-port": (_tcp("silent", ", expect: x"), "timeout"),
        "silent-steps": (_tcp("silent", ", steps: [{expect: '^220'}]"), "timeout"),
        "dripping-port": (_tcp("drips", ", expect: x"), "timeout"),
        "dripping-steps": (_tcp("drips", ", steps: [{expect: x}]"), "timeout"),
        "silent-handshake": (_tls("silent-handshake"), "timeout"),
        "dripping-handshake": (_tls("drips-handshake"), "timeout"),
        "dripping-https": (_https("drips-handshake"), "timeout"),
        "silent-starttls": (_tls("silent", ", starttls: smtp"), "timeout"),
        "dripping-starttls": (_tls("drips", ", starttls: imap"), "timeout"),
        "silent-proxy": ("http, url: 'http://h.example.com/', proxy: 'http://127.0.0.1:%(silent)d'", "timeout"),
        "dripping-proxy": (
            "http, url: 'http://h.example.com/drip-headers', proxy: 'http://127.0.0.1:%(http)d'", "timeout"),
        "silent-tunnel": ("http, url: 'https://h.example.com/', proxy: 'http://127.0.0.1:%(silent)d'", "timeout"),
    },
    "never ends": {
        "huge-body": ("/huge-body", "up"),
        "endless-body": ("/endless-body", "up"),
        "endless-header": ("/endless-header", "protocol"),
        "endless-interim": ("/endless-interim", "protocol"),
        "many-headers": ("/many-headers", "protocol"),
        "endless-line": (_tcp("endless-line", ", expect: 220 ready"), "assertion"),
        "endless-line-steps": (_tcp("endless-line", ", steps: [{expect: '^220'}]"), "assertion"),
        "endless-reply": (_tcp("endless-reply", ", steps: [{expect: '^250 '}]"), "assertion"),
        "endless-smtp": (_tls("endless-reply", ", starttls: smtp"), "protocol"),
        "endless-ftp": (_tls("endless-reply", ", starttls: ftp"), "protocol"),
        "endless-imap": (_tls("endless-untagged", ", starttls: imap"), "protocol"),
        "endless-greeting": (_tls("endless-line", ", starttls: pop3"), "protocol"),
        "endless-proxy": (
            "http, url: 'http://h.example.com/endless-header', proxy: 'http://127.0.0.1:%(http)d'", "protocol"),
        "endless-body-proxy": (
            "http, url: 'http://h.example.com/endless-body', proxy: 'http://127.0.0.1:%(http)d'", "up"),
    },
    "packed to hurt": {
        "gzip": (_http("/gzip" + _NEEDLE), "up"),
        "gzip-twice": (_http("/gzip-twice" + _NEEDLE), "up"),
        "gzip-two-members": (_http("/gzip-two-members" + _NEEDLE), "up"),
        "gzip-1000-members": ("/gzip-1000-members", "body"),
        "gzip-cut": ("/gzip-cut", "body"),
        "gzip-bomb": ("/gzip-bomb", "body"),
        "not-gzip": ("/not-gzip", "body"),
        "deflate": (_http("/deflate" + _NEEDLE), "up"),
        "deflate-raw": (_http("/deflate-raw" + _NEEDLE), "up"),
        "brotli": (_http("/brotli" + _NEEDLE), "up"),
        "brotli-cut": ("/brotli-cut", "body"),
        "brotli-bomb": ("/brotli-bomb", "body"),
        "not-brotli": ("/not-brotli", "body"),
        "zstd": ("/zstd", "body"),
    },
    "cut in pieces": {
        "chunk-size-junk": ("/chunk-size-junk", "protocol"),
        "chunk-size-negative": ("/chunk-size-negative", "protocol"),
        "chunk-size-huge": ("/chunk-size-huge", "protocol"),
        "chunk-without-end": ("/chunk-without-end", "protocol"),
        "close-in-chunks": ("/close-in-chunks", "protocol"),
        "tiny-chunks": ("/tiny-chunks", "up"),
        "split-keyword": (_http("/split-keyword" + _NEEDLE), "up"),
        "two-lengths": ("/two-lengths", "protocol"),
        "bad-length": ("/bad-length", "protocol"),
        "no-length": (_http("/no-length" + _NEEDLE), "up"),
    },
    "leads astray": {
        "redirect-for-ever": ("/redirect-for-ever", "status"),
        "redirect-to-file": ("/redirect-to-file", "protocol"),
        "redirect-to-unix": ("/redirect-to-unix", "protocol"),
        "redirect-to-script": ("/redirect-to-script", "protocol"),
        "redirect-to-metadata": ("/redirect-to-metadata", "protocol"),
        "redirect-to-legacy": ("/redirect-to-legacy", "protocol"),
        "redirect-to-junk": ("/redirect-to-junk", "protocol"),
        "redirect-with-blank": ("/redirect-with-blank", "protocol"),
        "redirect-empty": ("/redirect-empty", "status"),
        "redirect-nowhere": ("/redirect-nowhere", "status"),
        "redirect-long": ("/redirect-long", "protocol"),
        "redirect-longer": ("/redirect-longer", "protocol"),
        "redirect-keeps-secrets": (
            _http("/redirect-to-name', user: u, password: p, expect: {body_lacks: Authorization}"), "up"),
    },
    "is no HTTP": {
        "status-000": ("/status-000", "protocol"),
        "status-099": ("/status-099", "protocol"),
        "status-1000": ("/status-1000", "protocol"),
        "version-9": ("/version-9", "protocol"),
        "version-2": ("/version-2", "protocol"),
        "icy": ("/icy", "protocol"),
        "ssh": ("/ssh", "protocol"),
        "no-reason": ("/no-reason", "up"),
        "line-feeds": ("/line-feeds", "protocol"),
        "binary": ("/binary", "protocol"),
        "binary-status": ("/binary-status", "protocol"),
        "upgrade": ("/upgrade", "status"),
        "upgrade-offered": (_http("/upgrade-offered" + _NEEDLE), "up"),
        "interim": (_http("/interim" + _NEEDLE), "up"),
        "after-the-end": (_http("/after-the-end', connection: reuse"), "up"),
        "no-http": ("http, url: 'http://127.0.0.1:%(address)d/'", "protocol"),
        "ssh-port": ("http, url: 'http://127.0.0.1:%(ssh)d/'", "protocol"),
        "binary-port": ("http, url: 'http://127.0.0.1:%(binary)d/'", "protocol"),
    },
    "breaks off": {
        "nobody": (_tcp("nobody"), "connect"),
        "nobody-http": ("http, url: 'http://127.0.0.1:%(nobody)d/'", "connect"),
        "nobody-tls": (_tls("nobody"), "connect"),
        "resets-at-once": ("http, url: 'http://127.0.0.1:%(resets)d/'", "protocol connect"),
        "resets-at-once-tls": (_tls("resets"), "tls connect"),
        "resets-when-spoken-to": ("http, url: 'http://127.0.0.1:%(resets-when-spoken-to)d/'", "protocol"),
        "closes": ("http, url: 'http://127.0.0.1:%(closes)d/'", "protocol"),
        "closes-port": (_tcp("closes", ", expect: '220'"), "assertion"),
        "half-a-farewell": ("http, url: 'http://127.0.0.1:%(half-a-farewell)d/'", "protocol"),
        "deaf": ("http, url: 'http://127.0.0.1:%(deaf)d/', method: POST, body: '" + "x" * 60_000 + "'", "timeout"),
        "full": (_tcp("full"), "timeout"),
        "nowhere": ("tcp, target: '10.66.0.9:80'", "timeout"),
        "nowhere-v6": ("http, url: 'http://[2001:db8:66::9]/'", "timeout"),
        "nowhere-ping": ("ping, target: 10.66.0.9, interval: 100ms, wait: 300ms", "timeout"),
        "no-way": ("ping, target: 10.77.0.9, interval: 100ms, wait: 300ms", "connect"),
        "no-way-tcp": ("tcp, target: '10.77.0.9:80'", "connect"),
        "close-at-once": ("/close-at-once", "protocol"),
        "close-in-headers": ("/close-in-headers", "protocol"),
        "close-in-body": ("/close-in-body", "protocol"),
        "reset": ("/reset", "protocol"),
        "reset-in-body": ("/reset-in-body", "protocol"),
        "no-proxy": ("http, url: 'http://h.example.com/', proxy: 'http://127.0.0.1:%(nobody)d'", "connect"),
        "no-tunnel": ("http, url: 'https://h.example.com/', proxy: 'http://127.0.0.1:%(http)d'", "connect"),
    },
    "answers badly": {
        "ok": (_http("/ok" + _NEEDLE), "up"),
        "ok-ping": ("ping, target: 127.0.0.1, interval: 100ms, wait: 300ms", "up"),
        "empty": ("/empty", "up"),
        "empty-of-it": (_http("/empty" + _NEEDLE), "assertion"),
        "error-page": (_http("/ok', expect: {body_lacks: needle}"), "assertion"),
        "needle-at-end": (_http("/needle-at-end" + _NEEDLE), "assertion"),
        "charset-lies": (_http("/charset-lies" + _NEEDLE), "up"),
        "charset-unknown": (_http("/charset-unknown" + _NEEDLE), "up"),
        "charset-costly": (_http("/charset-costly', expect: {body_matches: needle}"), "up"),
        "latin-1": (_http("/latin-1', expect: {body_contains: Grüße}"), "up"),
        "gbk": (_http("/gbk', expect: {body_contains: 商城}"), "up"),
        "not-utf-8": (_http("/not-utf-8" + _NEEDLE), "up"),
        "bom": (_http("/bom', expect: {json: {$.state: needle}}"), "up body"),
        "nothing-but-nuls": (_http("/nothing-but-nuls" + _NEEDLE), "assertion"),
        "json-deep": (_http("/json-deep', expect: {json: {$: 1}}"), "body"),
        "backtrack": (_http("/backtrack', expect: {body_matches: '(a+)+b'}"), "unknown(internal)"),
        "slow-lines": (_tcp("slow-lines", ", steps: [{expect: 'a.*a.*b'}]"), "unknown(internal)"),
        "forbidden": ("/status/403", "auth"),
        "unavailable": ("/status/503", "status"),
    },
    "cannot be kept": {
        "answers-once": ("http, url: 'http://127.0.0.1:%(answers-once)d/', connection: reuse", "up"),
        "leaves-when-idle": ("http, url: 'http://127.0.0.1:%(leaves-when-idle)d/', connection: reuse", "up"),
        "leaves-fresh": ("http, url: 'http://127.0.0.1:%(leaves-when-idle)d/'", "up"),
    },
    "shakes hands badly": {
        **{name: (_tls(name), "tls") for name in (
            "expired", "not-yet-valid", "wrong-name", "unknown-authority", "self-signed", "star", "country",
            "nul-in-name", "common-name-only", "address-as-name", "weak-key", "weakest-key", "weak-digest",
            "chain-of-200-kb", "only-tls-1.0", "weak-ciphers", "resets-handshake", "refuses", "internal-error",
            "knows-no-such-name", "no-such-protocol", "farewell-at-once", "warns-for-ever", "empty-records",
            "record-too-long", "no-certificate", "endless-certificate", "asks-anew", "greets-for-ever",
            "another-cipher", "version-3", "encrypted-rubbish",
        )},
        **{f"{name}-https": (_https(name), "tls") for name in (
            "expired", "wrong-name", "unknown-authority", "self-signed", "only-tls-1.0", "refuses", "no-certificate",
            "warns-for-ever",
        )},
        "wants-a-certificate": (_https("wants-a-certificate"), "tls protocol"),
        "nul-in-its-name": (_tls("nul-in-name", _NAMED), "tls"),
        "star-for-it": (_tls("star", _NAMED), "tls"),
        "wildcard": (_tls("wildcard", _NAMED), "up"),
        "thousand-names": (_tls("thousand-names"), "up"),
        "address": (_https("address"), "up"),
        "short-chain": (_tls("short-chain", ", server_name: localhost"), "up"),
        "another-protocol": (_https("another-protocol"), "up"),
        "many-tickets": (_https("many-tickets"), "up"),
        "no-farewell": (_https("no-farewell"), "up"),
        "cut-off": (_https("cut-off"), "protocol"),
        "no-tls": ("http, url: 'https://127.0.0.1:%(http)d/'", "tls"),
        "ssh-for-tls": (_tls("ssh"), "tls"),
        "says-more": (_tls("agrees-and-says-more", ", starttls: smtp"), "protocol"),
        "no-starttls": (_tls("knows-no-starttls", ", starttls: smtp"), "protocol"),
    },
    "names nothing, or wrongly": {
        **{f"name-{name}": (_dns(name), expected) for name, expected in {
            "good": "up", "no-edns": "up", "ttl": "up", "dname": "up", "huge": "up",
            "silent": "timeout", "wrong-id": "timeout", "flood": "timeout", "other-question": "timeout",
            "other-name": "assertion", "empty": "assertion", "lame": "assertion", "chain": "assertion",
            "refused": "status", "servfail": "status", "nxdomain": "status", "hates-all": "status",
            "circle": "protocol", "three-bytes": "protocol", "loop": "protocol", "pointers": "protocol",
            "rubbish": "protocol", "half": "protocol", "header-only": "timeout", "counts-lie": "protocol",
            "truncated-no-tcp": "protocol", "truncated-for-ever": "assertion", "truncated-lies": "protocol",
            "crowd": "protocol",
        }.items()},
        "good-over-tcp": (_dns("good", ", transport: tcp"), "up"),
        "silent-over-tcp": ("dns, target: '127.0.0.1:%(silent)d', transport: tcp", "timeout"),
        "drips-over-tcp": ("dns, target: '127.0.0.1:%(drips)d', transport: tcp", "timeout"),
        "closes-over-tcp": ("dns, target: '127.0.0.1:%(closes)d', transport: tcp", "protocol"),
        "endless-over-tcp": ("dns, target: '127.0.0.1:%(endless-line)d', transport: tcp", "protocol"),
        "nobody-over-udp": ("dns, target: '127.0.0.1:%(nobody)d'", "connect"),
        "udp-alone": ("dns, target: '127.0.0.1:%(udp)d', name: huge.test", "connect"),
        "no-name": ("http, url: 'http://no-such-host.invalid/'", "dns"),
        **{f"look-up-{name}": (f"tcp, target: '{name}.test:80'", expected) for name, expected in {
            "silent": "timeout dns", "wrong-id": "timeout dns", "circle": "dns", "empty": "dns", "refused": "dns",
            "nxdomain": "dns", "loop": "dns", "truncated-no-tcp": "dns", "crowd": "dns", "rubbish": "dns",
        }.items()},
    },
    "has addresses that are dead": {
        "v6-dead": ("http, url: 'http://v6-dead.shop.test:%(http)d/ok'", "up"),
        "v6-dead-both": ("http, url: 'http://v6-dead.shop.test:%(http)d/ok', family: both", "timeout"),
        "v6-dead-v4": ("http, url: 'http://v6-dead.shop.test:%(http)d/ok', family: v4", "up"),
        "fifty": ("http, url: 'http://fifty.shop.test:%(http)d/ok'", "timeout"),
        "here": ("http, url: 'http://here.shop.test:%(http)d/ok'", "up"),
    },
}  # fmt: skip
"""By what they do, what is watched and what comes of it."""

LATE: Final = frozenset({"v6-dead"})


def targets(ca: str) -> Iterator[Target]:
    """Give all; `ca` is the file of whom to trust."""
    for group in GROUPS.values():
        for name, (options, expected) in group.items():
            yield Target(
                name=name,
                options=options.replace("ca: CA", f"ca: '{ca}'"),
                expected=frozenset(expected.split()),
                late=name in LATE,
            )


def dead(count: int) -> Iterator[Target]:
    """Give many checks of one host that nobody finds."""
    for number in range(count):
        yield Target(
            name=f"zz-dead-{number:04}",
            options=f"tcp, target: '10.66.0.99:{number + 1}', timeout: 1100ms",
            expected=frozenset({"timeout"}),
        )
