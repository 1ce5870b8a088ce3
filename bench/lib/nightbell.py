"""The daemon as a user would start it, on a configuration of its own with free ports and a state of its own."""

from __future__ import annotations

import contextlib
import sysconfig
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lib.process import MEASURED, Program, answers, free_ports, running

PROGRAM = Path(sysconfig.get_path("scripts")) / "nightbell"
READY_WITHIN = 60.0


@dataclass(frozen=True, slots=True, eq=False)
class Nightbell:
    """A daemon that is ready."""

    program: Program
    config: Path
    port: int
    """Of the internal listener."""


@contextlib.contextmanager
def nightbell(
    config: Path | Mapping[str, Any], folder: Path, *, core: int | None = MEASURED
) -> Iterator[Nightbell]:
    """Start it on a configuration (a file, of which a copy is made, or a mapping) and stop it at the end."""
    folder.mkdir(parents=True)
    internal, public = free_ports(2)
    copy = folder / "nightbell.yaml"
    places = {
        "listen": {"internal": f"127.0.0.1:{internal}", "public": f"127.0.0.1:{public}"},
        "store": f"sqlite:///{folder / 'nightbell.db'}",
    }
    if isinstance(config, Path):
        copy.write_text(with_own_places(config, places), encoding="utf-8")
    else:
        write(copy, {**config, **places})
    copy.chmod(0o600)
    environment = {
        "STATE_DIRECTORY": str(folder),
        "NOTIFY_SOCKET": "",
        "PYTHONDONTWRITEBYTECODE": "",  # an installed daemon has its bytecode: to compile is no part of a start
    }
    with running(
        "nightbell",
        [PROGRAM, "-c", copy, "run"],
        folder,
        core=core,
        ready=lambda: answers(internal, "/readyz"),
        within=READY_WITHIN,
        environment=environment,
    ) as program:
        yield Nightbell(program, copy, internal)


def write(path: Path, config: Mapping[str, Any]) -> None:
    """Write a configuration as people would: block style, without references."""
    path.write_text(
        yaml.dump(dict(config), Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True),
        encoding="utf-8",
    )


def with_own_places(config: Path, places: Mapping[str, Any]) -> str:
    """Return the configuration with our ports and state. Works on YAML nodes, so that all else keeps its form."""
    root = yaml.compose(config.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    if not isinstance(root, yaml.MappingNode):  # it is empty
        root = yaml.MappingNode("tag:yaml.org,2002:map", [])
    own = yaml.compose(yaml.safe_dump(dict(places)), Loader=yaml.SafeLoader)
    assert isinstance(own, yaml.MappingNode)
    ours = {key.value for key, _ in own.value}
    root.value = [pair for pair in root.value if pair[0].value not in ours] + own.value
    return yaml.serialize(root, Dumper=yaml.SafeDumper, allow_unicode=True)
