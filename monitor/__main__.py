"""Start the command line: `python -I -m monitor` is `nightbell`."""

from __future__ import annotations

import sys

from monitor.cli import main

if __name__ == "__main__":
    sys.exit(main())
