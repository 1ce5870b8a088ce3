"""The desk: where everything meets. One pure function takes the state, one input and `now`, and decides.

    decide(state, input, now, plan) -> Decision(changes, about)

It only calls the rooms below it, each of which decides its own noun:

    outages     alerts change, incidents open, join, worsen, reopen
    settling    incidents follow their alerts, down to the end
    paging      who is told next: escalation steps become notifications
    duty        who answers now, and how they are reached
    messages    what one person is told, and that it is over
    people      acknowledge, resolve, escalate by hand
    work        tickets, and what people do with them
    clocks      what tickets' clocks ask for
    customers   whether it is customers' business, and what is prepared for them
    publishing  when they hear it, what people say, and which promises come due
    suppression  why an alert is quiet: a maintenance, a silence, another alert
    silences    what people mute, and which incidents are quiet by it
    warning     who hears before a silence ends that something is still bad
    maintenance  planned work: its windows, and what fires when one ends
    notices     what customers read of planned work
    standing    silences and planned work that stand in the configuration
    bundling    which messages to a person wait for each other and leave as one
    receipts    what came of each attempt to deliver
    next_channel  who is asked when a channel fails or hangs
    passing     what the passing of time brings
    heartbeat   the sign of life that somebody outside waits for
    self_test   whether a channel still delivers
    audit       whether everything that is open has a next action, and how it gets one
"""

from alerting.desk.decide import Decision, decide

__all__ = ["Decision", "decide"]
