"""What `crossroads ask` costs beyond the answer itself, against a running service.

    python bench/client.py --times 20

Starts a service with fake models in a home of its own, asks for a sum by the command, and takes the seconds the
command took less the seconds the answer says it took. Prints median and 95th percentile in milliseconds as JSON.
"""

from __future__ import annotations

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

FAKE = ["--set", "models.chat=fake:reader", "--set", "models.embedding=fake:words", "--set", "store.linger=1"]


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=20)
    times = parser.parse_args().times
    command = [str(Path(sys.executable).with_name("crossroads"))]
    with tempfile.TemporaryDirectory(prefix="crossroads-client-") as folder:
        home = ["--home", str(Path(folder) / "home")]
        serve = [*command, "serve", "--port", "0", "--json", *home, *FAKE]
        with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as service:
            assert service.stdout is not None
            assert service.stdout.readline(), "the service did not start"
            overhead = [measure([*command, "ask", "17 * 23", "--json", *home]) for _ in range(times + 1)][1:]
            service.send_signal(signal.SIGTERM)
    overhead.sort()
    report = {"times": times, "median_ms": statistics.median(overhead), "p95_ms": overhead[int(0.95 * (times - 1))]}
    print(json.dumps({name: round(value, 1) for name, value in report.items()}))
    return 0


def measure(command: list[str]) -> float:
    """Milliseconds of one question beyond its answer's own."""
    since = time.monotonic()
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    took = (time.monotonic() - since) * 1000
    return took - float(json.loads(done.stdout)["timing"]["total"])


if __name__ == "__main__":
    sys.exit(main())
