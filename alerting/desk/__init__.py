"""The desk: where everything meets. One pure function takes the state, one input and `now`, and decides.

    decide(state, input, now, plan) -> Decision(changes, about)

It only calls the rooms below it, each of which decides its own noun:

    outages     alerts change, incidents open, join, relapse, recover, end
    paging      who is told next: escalation steps become notifications
    people      acknowledge, resolve, escalate by hand
    work        tickets and their clocks
    customers   announcements, from the first word to the all-clear
    silences    what keeps quiet, and when it no longer does
    receipts    what came of each attempt to deliver
    passing     what the passing of time brings
"""

from alerting.desk.decide import Decision, decide

__all__ = ["Decision", "decide"]
