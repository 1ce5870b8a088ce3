"""Every kind of probe. A new kind is one file, one line here, one test file."""

from __future__ import annotations

from probes.api import Probe
from probes.host.bandwidth import Bandwidth
from probes.host.cpu import Cpu
from probes.host.disk import Disk
from probes.host.load import Load
from probes.host.memory import Memory
from probes.host.swap import Swap
from probes.host.unit import Unit
from probes.network.dns import Dns
from probes.network.handshake import Tls
from probes.network.http import Http
from probes.network.ping import Ping
from probes.network.tcp import Tcp

KINDS: dict[str, type[Probe]] = {
    kind.KIND: kind
    for kind in (
        Bandwidth,
        Cpu,
        Disk,
        Dns,
        Http,
        Load,
        Memory,
        Ping,
        Swap,
        Tcp,
        Tls,
        Unit,
    )
}
