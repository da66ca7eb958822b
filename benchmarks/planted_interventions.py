"""Does an audit recover what a classifier was planted to see, for every intervention, and nothing else?

    python -m benchmarks.planted_interventions [NAME ...]

The test that CI runs for one intervention of each family, for all of them: a minute or so of CPU time each.
"""

import sys
import tempfile
import time
from pathlib import Path

from tests.planted import FEATURES
from tests.test_interventions_audit import test_an_audit_recovers_what_was_planted_and_nothing_else as check


def main() -> None:
    names = sys.argv[1:] or list(FEATURES)
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            start = time.process_time()
            try:
                check(name, Path(folder))
                verdict = "recovered"
            except AssertionError as error:
                failures += 1
                verdict = f"FAILED: {error}"
            print(f"{name:14} {verdict} ({time.process_time() - start:.0f} CPU-s)", flush=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
