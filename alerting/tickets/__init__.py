"""The work item of an incident and its clocks."""
