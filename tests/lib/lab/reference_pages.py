"""Writes the reference of probes, notifiers and the API from the code itself: `python -m lab.reference_pages`."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass
from typing import Final, get_args, get_type_hints

import yaml

from alerting.notifiers.kinds import KINDS as NOTIFIERS
from lab.tools import ROOT
from monitor.web.routes import INTERNAL, PUBLIC
from probes.kinds import KINDS as PROBES

FOLDER: Final = ROOT / "docs" / "reference"
NOTE: Final = "<!-- Made by scripts/reference from the code. -->"


def probes_page() -> str:
    """Return the reference of probe kinds: options, values, an example."""
    parts = [
        "# Probes\n",
        NOTE,
        "\nA check is a configured probe: `home: {probe: http, url: …, every: 10s}`, or in short a URL. Every check",
        "also takes `every`, `timeout`, `retry_every`, `failures`, `recover`, `severity`, `impact`, `labels`, `owner`,",
        "`escalation`, `group_by` and `runbook`.\n",
    ]
    for name, kind in sorted(PROBES.items()):
        parts += [f"## {name}\n", *_manual(kind)]
        parts += ["```yaml", _example({"probe": name, **kind.EXAMPLE}), "```\n"]
        parts += ["| value | unit | meaning | in /metrics |", "|---|---|---|---|"]
        for metric, about in kind.METRICS.items():
            exposed = about.exposed or f"nightbell_{name}_{metric}"
            parts.append(f"| `{metric}` | {about.unit.value} | {about.help} | `{exposed}` |")
        parts.append("")
        if kind.PART:
            parts.append(f"One series for each `{kind.PART}`.\n")
    return "\n".join(parts)


def notifiers_page() -> str:
    """Return the reference of notifier kinds."""
    parts = [
        "# Notifiers\n",
        NOTE,
        "\nA channel is a configured notifier: `mail: {notifier: smtp, host: …}`. Every channel also takes `timeout`",
        "and `audience` (`everyone` or `internal`; without it a channel reaches people by their addresses).\n",
        "Whatever goes by HTTP goes through the proxy that the environment names: `HTTPS_PROXY`, `HTTP_PROXY`,",
        "`ALL_PROXY`, and `NO_PROXY` (names, `.suffixes`, addresses, networks) for what is to be reached straight;",
        "under systemd by `Environment=`. The proxy is `http://[user:password@]host:port`; this machine itself is",
        "always reached straight. What a proxy refuses has certainly not been sent. `SSL_CERT_FILE` names the",
        "authorities to believe where a channel has no `ca`. Mail and SMPP know no proxy.\n",
    ]
    for name, kind in sorted(NOTIFIERS.items()):
        parts += [f"## {name}\n", *_manual(kind)]
        parts += ["```yaml", _example({"notifier": name, **kind.EXAMPLE}), "```\n"]
    return "\n".join(parts)


def api_page() -> str:
    """Return the list of all routes of both listeners."""
    parts = [
        "# HTTP\n",
        NOTE,
        "\nEverything below `/api/v1` needs `Authorization: Bearer TOKEN`. The first start writes",
        "an administrator's token to `admin.token` in the state directory; `nightbell token add` makes more. Bodies",
        'are JSON, times RFC 3339 in UTC, lists `{"items": […], "next": cursor or null}`. Shapes of bodies and',
        "answers: `GET /api/v1/openapi.json`.",
    ]
    for title, routes in (("Internal listener", INTERNAL), ("Public listener", PUBLIC)):
        parts += [f"\n## {title}\n", "| | | for | |", "|---|---|---|---|"]
        for route in routes:
            query = f" Query: {', '.join(f'`{name}`' for name in route.query)}." if route.query else ""
            parts.append(
                f"| {route.method} | `{route.path}` | {route.audience.name.lower()} | {route.summary}{query} |"
            )
    return "\n".join(parts) + "\n"


def _manual(kind: type) -> Iterator[str]:
    """Turn a docstring into prose and a table of its `option: text` lines, those of options within options too."""
    prose, rows = _lines(kind)
    for name, inner in _within(kind):
        rows += _lines(inner, f"{name}.")[1]
    yield "\n".join(prose).strip() + "\n"
    if rows:
        yield "| option | |\n|---|---|"
        yield "\n".join(rows) + "\n"


def _lines(kind: type, before: str = "") -> tuple[list[str], list[str]]:
    """Return the prose of a docstring, and a row for each option, its name behind `before`."""
    prose: list[str] = []
    rows: list[str] = []
    for line in inspect.cleandoc(kind.__doc__ or "").splitlines():
        option = re.fullmatch(r"([a-z_.]+): (.+)", line)
        if option:
            rows.append(f"| `{before}{option[1]}` | {option[2]} |")
        elif rows and line.startswith("  "):
            rows[-1] = rows[-1].removesuffix(" |") + f" {line.strip()} |"
        else:
            prose.append(line)
    return prose, rows


def _within(kind: type) -> Iterator[tuple[str, type]]:
    """Yield the options that have options of their own."""
    for name, hint in get_type_hints(kind).items():
        if not name.startswith("_"):
            yield from (
                (name, one) for one in (hint, *get_args(hint)) if is_dataclass(one) and isinstance(one, type)
            )


def _example(options: Mapping[str, object]) -> str:
    return yaml.safe_dump(dict(options), sort_keys=False, default_flow_style=True, width=100).strip()


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "probes.md": probes_page,
    "notifiers.md": notifiers_page,
    "api.md": api_page,
}


def main() -> None:
    """Write every page."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
