"""The `crossroads` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run a command and exit with its code: 0 done, 1 it failed, 2 wrong usage, 130 interrupted."""
    from assistant.cli.quick import run_quick

    code = run_quick(sys.argv[1:])
    if code is None:
        from assistant.cli.main import run

        code = run(sys.argv[1:])
    sys.exit(code)


if __name__ == "__main__":
    main()
