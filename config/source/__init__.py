"""From files to plain values that know where they stand."""
