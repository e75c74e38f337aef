"""What imports cost, as multiples of `import torch, transformers`: CPU seconds of fresh processes, the best of several each.

python tests/benchmarks/bench_import.py
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
RUNS = 3
BASELINE = "import torch, transformers"
STATEMENTS = (
    "import explain",
    "from explain import TokenExplainer",
    "from explain import *",
    "from explain.__main__ import parser; parser()",
    "from explain.interface import app",
)


def seconds(statement: str) -> float:
    """CPU time of a process that only runs this, on one thread."""
    code = f"{statement}\nimport os\nprint(sum(os.times()[:2]))"
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout.splitlines()[-1])


def main() -> None:
    """Print a line for each statement; runs take turns, so that a busy machine slows all alike."""
    times: dict[str, list[float]] = {statement: [] for statement in (BASELINE, *STATEMENTS)}
    for _ in range(RUNS):
        for statement, found in times.items():
            found.append(seconds(statement))
    baseline = min(times[BASELINE])
    for statement, found in times.items():
        print(f"{min(found) / baseline:5.2f} x  {min(found):5.2f} s  {statement}")


if __name__ == "__main__":
    main()
