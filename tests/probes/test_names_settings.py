"""What the machine's files say about names, as libc would understand them; and which address comes first."""

from __future__ import annotations

import resource
import socket
from pathlib import Path

import pytest

from lab.name_server import machine
from probes.network.names.client import Place
from probes.network.names.order import ordered, reachable
from probes.network.names.settings import Files, Settings, load

FOUR, SIX = socket.AF_INET, socket.AF_INET6


def read(folder: Path, **texts: str) -> Settings:
    return load(machine(folder, **texts))  # type: ignore[arg-type]


def test_files_that_are_not_there_mean_the_defaults_of_libc(tmp_path: Path) -> None:
    hosts, resolv, nsswitch = (str(tmp_path / name) for name in ("hosts", "resolv", "nsswitch"))
    settings = load(Files(hosts=hosts, resolv=resolv, nsswitch=nsswitch))
    assert settings.ours
    assert settings.dns
    assert settings.servers == (Place(FOUR, ("127.0.0.1", 53)),)
    assert (settings.ndots, settings.attempts, dict(settings.hosts)) == (1, 2, {})


@pytest.mark.parametrize(
    ("line", "ours", "dns"),
    [
        ("hosts: files dns", True, True),
        ("hosts:\tfiles  dns # as usual", True, True),
        ("hosts: files", True, False),
        ("passwd: files sss", True, True),
        ("hosts: dns files", False, True),
        ("hosts: files mdns4_minimal [NOTFOUND=return] dns", False, True),
        ("hosts: files myhostname dns", False, True),
        ("hosts: files resolve [!UNAVAIL=return] dns", False, True),
        ("hosts: files dns [NOTFOUND=return] nis", False, True),
        ("hosts:", False, False),
    ],
)
def test_what_libc_asks_beyond_files_and_dns_is_left_to_it(
    line: str, ours: bool, dns: bool, tmp_path: Path
) -> None:
    settings = read(tmp_path, nsswitch=f"# comment\n{line}\n")
    assert (settings.ours, settings.dns) == (ours, dns)


def test_servers_domains_and_options_are_read(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        resolv=(
            "# comment\n; another\nnameserver 192.0.2.1\nnameserver 2001:db8::1 # note\nnameserver junk\n"
            "nameserver fe80::1%nosuchif0\nnameserver fe80::1%lo\nnameserver 192.0.2.9\n"
            "domain old.example\nsearch Shop.example. corp.example\n"
            "options ndots:2 attempts:99 use-vc\noptions no-aaaa\n"
        ),
    )
    assert [place.sockaddr[:2] for place in settings.servers] == [
        ("192.0.2.1", 53), ("2001:db8::1", 53), ("fe80::1", 53),
    ]  # fmt: skip
    assert settings.servers[2].sockaddr[3] == socket.if_nametoindex("lo")
    assert settings.search == ("shop.example", "corp.example")
    assert (settings.ndots, settings.attempts, settings.tcp, settings.aaaa) == (2, 5, True, False)


@pytest.mark.parametrize(
    "resolv", ["options ndots:x attempts: ndots\n", "nameserver\nsearch\noptions\n", "\x00\xff"]
)
def test_nonsense_means_nothing(resolv: str, tmp_path: Path) -> None:
    settings = read(tmp_path, resolv=resolv)
    assert (settings.ndots, settings.attempts, settings.tcp) == (1, 2, False)
    assert settings.servers == (Place(FOUR, ("127.0.0.1", 53)),)


def test_the_hosts_file_gives_every_address_of_a_name_once(tmp_path: Path) -> None:
    settings = read(
        tmp_path,
        hosts=(
            "127.0.0.1 localhost Shop # x y\n::1 localhost\n\n127.0.0.1 localhost\nnonsense a b\n"
            "192.0.2.1\n999.1.1.1 c\n"
        ),
    )
    assert dict(settings.hosts) == {
        "localhost": ((FOUR, "127.0.0.1"), (SIX, "::1")),
        "shop": ((FOUR, "127.0.0.1"),),
    }


@pytest.mark.parametrize(
    ("host", "ndots", "names"),
    [
        ("db", 1, ("db.a.example", "db.b.example", "db")),
        ("db.shop", 1, ("db.shop", "db.shop.a.example", "db.shop.b.example")),
        ("db.shop", 2, ("db.shop.a.example", "db.shop.b.example", "db.shop")),
        ("db.shop.", 2, ("db.shop",)),
        ("db.", 1, ("db",)),
        ("x" * 63 + ".y" * 93, 1, ("x" * 63 + ".y" * 93,)),
    ],
)
def test_a_short_name_is_completed_as_libc_does(host: str, ndots: int, names: tuple[str, ...]) -> None:
    assert Settings(search=("a.example", "b.example"), ndots=ndots).candidates(host) == names


def test_without_descriptors_the_files_are_not_taken_for_empty(tmp_path: Path) -> None:
    files = machine(tmp_path, hosts="127.0.0.1 a\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        with pytest.raises(OSError, match="Too many open files"):
            load(files)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_change_of_any_file_changes_the_stamp(tmp_path: Path) -> None:
    files = machine(tmp_path)
    stamps = {files.stamp()}
    for name in ("hosts", "resolv.conf", "nsswitch.conf"):
        (tmp_path / name).write_text("# more\n")
        stamps.add(files.stamp())
    (tmp_path / "hosts").unlink()
    assert len(stamps | {files.stamp()}) == 5


def test_the_better_family_comes_first_and_the_order_within_one_stays() -> None:
    loopback = ((FOUR, "127.0.0.2"), (SIX, "::1"), (FOUR, "127.0.0.1"))
    assert reachable(SIX, "::1") == "::1"
    assert ordered(loopback) == ((SIX, "::1"), (FOUR, "127.0.0.2"), (FOUR, "127.0.0.1"))
    for second in ("fd00::1", "2002:c000:201::1", "2001::1"):
        assert ordered(((SIX, second), (FOUR, "127.0.0.1")))[0] == (FOUR, "127.0.0.1"), second
    assert ordered(((FOUR, "192.0.2.2"), (FOUR, "192.0.2.1"))) == ((FOUR, "192.0.2.2"), (FOUR, "192.0.2.1"))
