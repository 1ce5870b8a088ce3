"""Others that do the same, as Debian ships them, given the same to do."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

from lib import bare as bare_sockets
from lib.fleet import INTERVAL
from lib.nginx import Nginxes
from lib.process import MEASURED, ROOT, Program, answers, free_ports, running, tool

TEMPLATES = Path("/usr/share/prometheus/alertmanager")
"""The one place from which Debian's Alertmanager reads its templates."""

THERE = """
mount -t tmpfs none /usr/share
mkdir -p /usr/share/prometheus
ln -s "$0" /usr/share/prometheus/alertmanager
exec "$@"
"""


@contextlib.contextmanager
def stack(targets: Nginxes, size: int, folder: Path, *, core: int | None = None) -> Iterator[list[Program]]:
    """Run Prometheus with blackbox_exporter, Alertmanager and the rules that ours has, on all cores: one is too few."""
    folder.mkdir(parents=True)
    web, blackbox, manager = free_ports(3)
    modules = {
        "http": {"prober": "http", "timeout": "5s",
                 "http": {"valid_status_codes": [200], "preferred_ip_protocol": "ip4"}}
    }  # fmt: skip
    _write(folder / "blackbox.yml", {"modules": modules})
    _write(folder / "alertmanager.yml", {
        "route": {"receiver": "hook", "group_by": ["instance"]},
        "receivers": [{"name": "hook", "webhook_configs": [{"url": "http://127.0.0.1:9/hook"}]}],
    })  # fmt: skip
    _write(folder / "rules.yml", {"groups": [{"name": "checks", "rules": [
        {"alert": "Failed", "expr": "probe_success == 0", "for": "20s", "labels": {"severity": "critical"}},
        {"alert": "Slow", "expr": "probe_duration_seconds > 0.5", "for": "1m", "labels": {"severity": "warning"}},
        {"alert": "VerySlow", "expr": "probe_duration_seconds > 2", "for": "1m", "labels": {"severity": "critical"}},
    ]}]})  # fmt: skip
    _write(folder / "prometheus.yml", {
        "global": {"scrape_interval": INTERVAL, "scrape_timeout": "9s", "evaluation_interval": INTERVAL},
        "rule_files": ["rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{manager}"]}]}]},
        "scrape_configs": [{
            "job_name": "blackbox", "metrics_path": "/probe", "params": {"module": ["http"]},
            "static_configs": [{"targets": [targets.url(number) for number in range(size)]}],
            "relabel_configs": [
                {"source_labels": ["__address__"], "target_label": "__param_target"},
                {"source_labels": ["__param_target"], "target_label": "instance"},
                {"target_label": "__address__", "replacement": f"127.0.0.1:{blackbox}"},
            ],
        }],
    })  # fmt: skip
    shipped = ROOT / ".tools/debian" / TEMPLATES.relative_to("/")
    wrap: list[str | Path] = (
        [] if TEMPLATES.exists() else [tool("unshare"), "-rm", "sh", "-ec", THERE, shipped]
    )
    with contextlib.ExitStack() as started:
        yield [
            started.enter_context(running(
                "blackbox_exporter",
                [tool("prometheus-blackbox-exporter"), "--config.file=blackbox.yml", "--log.level=error",
                 f"--web.listen-address=127.0.0.1:{blackbox}"],
                folder, core=core, ready=lambda: answers(blackbox, "/-/healthy"),
            )),
            started.enter_context(running(
                "alertmanager",
                [*wrap, tool("prometheus-alertmanager"), "--config.file=alertmanager.yml", "--log.level=error",
                 "--storage.path=alerts", "--cluster.listen-address=", f"--web.listen-address=127.0.0.1:{manager}"],
                folder, core=core, ready=lambda: answers(manager, "/-/ready"),
            )),
            started.enter_context(running(
                "prometheus",
                [tool("prometheus"), "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--log.level=error",
                 f"--web.listen-address=127.0.0.1:{web}"],
                folder, core=core, ready=lambda: answers(web, "/-/ready"),
            )),
        ]  # fmt: skip


@contextlib.contextmanager
def monit(
    targets: Nginxes, size: int, folder: Path, *, core: int | None = MEASURED
) -> Iterator[list[Program]]:
    """Run monit, which asks one target after the other and then sleeps for the interval."""
    folder.mkdir(parents=True)
    lines = [f"set daemon {INTERVAL.removesuffix('s')}",
             *(f"set {file}file {folder / file}" for file in ("pid", "id", "state", "log"))]  # fmt: skip
    for number in range(size):
        asked = f"port {targets.port(number)} protocol http request /check/{number} status = 200"
        lines.append(f"check host check-{number} with address {targets.host(number)}")
        lines.append(f"  if failed {asked} with timeout 5 seconds for 3 cycles then alert")
    config = folder / "monitrc"
    config.write_text("\n".join(lines) + "\n", encoding="utf-8")
    config.chmod(0o600)
    with running("monit", [tool("monit"), "-I", "-c", config], folder, core=core) as program:
        yield [program]


@contextlib.contextmanager
def bare(
    targets: Nginxes, size: int, folder: Path, *, core: int | None = MEASURED
) -> Iterator[list[Program]]:
    """Run what only asks: no peer, but what the machine and the language cost before anything is done."""
    folder.mkdir(parents=True)
    asked = folder / "targets.json"
    asked.write_text(
        json.dumps([(targets.host(one), targets.port(one), f"/check/{one}") for one in range(size)]),
        encoding="utf-8",
    )
    with running("bare", [sys.executable, bare_sockets.__file__, asked], folder, core=core) as program:
        yield [program]


def _write(path: Path, content: object) -> None:
    path.write_text(yaml.dump(content, Dumper=yaml.CSafeDumper, sort_keys=False), encoding="utf-8")
    path.chmod(0o600)


PEERS = {"stack": stack, "monit": monit, "bare": bare}
"""How each is run: on some targets, a number of checks, in a folder of its own."""
