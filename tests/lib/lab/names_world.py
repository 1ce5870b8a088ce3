"""A machine whose files name other name servers than ours: a crew at work there, and what it was told.

    unshare -rnm python -m lab.names_world FOLDER

Prints by stage what the checks of `shop.test` came to, and how often each name server was asked for that name.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import uvloop

from lab.crew import Crewed, check, crewed, named
from lab.name_server import NameServer, machine, name_server, zone
from lab.probe_server import serving
from probes.network.tcp import Tcp

ETC = ("hosts", "resolv.conf", "nsswitch.conf")
NAME = "shop.test"


async def silent(reader: Any, _writer: Any) -> None:
    await reader.read()


async def go(folder: Path) -> list[dict[str, Any]]:
    """Have two workers look the name up, and again after the machine has got another name server."""

    async def stage(at_work: Crewed, servers: list[NameServer], words: str) -> dict[str, Any]:
        """Wait until every check has come to these words."""
        begin = len(at_work.samples)

        def come_to_it() -> set[str]:
            return {one.check for one in at_work.samples[begin:] if words in one.message + one.outcome.value}

        await at_work.until(lambda: come_to_it() == {*some})
        return {"words": words, "asked": [one.times(NAME) for one in servers]}

    async with (
        serving(silent) as port,
        name_server(zone({NAME: ("127.0.0.1",)}), host="127.0.0.3", port=53) as one,
        name_server(zone({NAME: ("127.0.0.9",)}), host="127.0.0.4", port=53) as other,
    ):
        some = named(*(check(f"c-{number}", Tcp(target=f"{NAME}:{port}"), every=0.2) for number in range(8)))
        async with crewed(2, some) as at_work:
            first = await stage(at_work, [one, other], "up")
            (folder / "resolv.conf").write_text("nameserver 127.0.0.4\n", encoding="ascii")
            return [first, await stage(at_work, [one, other], "(127.0.0.9:")]


def main() -> None:
    """Make the machine, and watch."""
    folder = Path(sys.argv[1])
    machine(folder, resolv="nameserver 127.0.0.3\n", nsswitch="hosts: files dns\n")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for name in ETC:
        subprocess.run(["mount", "--bind", str(folder / name), f"/etc/{name}"], check=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(go(folder))))


if __name__ == "__main__":
    main()
