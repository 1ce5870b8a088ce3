"""The daemon: schedules, runs, feeds the desk, records, and acts on what is recorded."""
