"""From the document to what the daemon runs on."""
