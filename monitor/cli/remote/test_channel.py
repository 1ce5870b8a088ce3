"""`nightbell test-channel`: does a message get through?"""

from __future__ import annotations

from typing import Final

import click

from monitor.cli.exits import Exit
from monitor.cli.output import print_json
from monitor.cli.surroundings import Surroundings, json_option, pass_surroundings

PATIENCE_SECONDS: Final = 90.0
"""Longer than a channel may take."""


@click.command()
@click.argument("channel")
@click.option("--to", metavar="PERSON", help="Whom to send it to, where the channel needs an address.")
@json_option
@pass_surroundings
@click.pass_context
def test_channel(
    ctx: click.Context, here: Surroundings, *, channel: str, to: str | None, as_json: bool
) -> None:
    """Send a test message through a channel.

    The daemon itself sends it, with its own secrets and from its own place in the network. Ends with 0 when
    the provider took the message, which does not say that anybody read it.
    """
    found = here.whereabouts()
    receipt = found.client(PATIENCE_SECONDS).post("channels", channel, "test", body={"to": to})
    taken = receipt.get("state") == "accepted"
    if as_json:
        print_json(receipt)
    else:
        detail = f": {receipt['detail']}" if receipt.get("detail") else ""
        if taken:
            line = f"The provider of {channel} took the message{f' to {to}' if to else ''}{detail}"
        else:
            reason = receipt.get("reason") or receipt.get("state") or "no reason given"
            line = f"The message through {channel} did not pass ({reason}){detail}"
        here.paper(found).say(line)
    if not taken:
        ctx.exit(Exit.REFUSED)
