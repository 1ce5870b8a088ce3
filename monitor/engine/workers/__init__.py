"""Worker processes: each schedules and runs its share of the network checks, and tells the daemon what it saw.

    daemon                                          worker process, one of N
    crew     shares the checks out by name  ──orders──▶  scheduler ▶ runner ▶ probes
    pipeline judges, decides, records       ◀─samples──  collected for some milliseconds

Turns are scheduled where they are run: were they handed out one by one, each would cost the daemon's loop a message
there beside the one back, and be timed late by whatever holds that loop up. So the daemon handles samples alone, many
at once. What a check remembers between runs (a kept connection, the family that worked) stays in its worker.
"""
