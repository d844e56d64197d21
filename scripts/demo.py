"""Synthesize the sample app, then run its orders workflow on the local service, end to end, and show the timeline."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
ASSEMBLY = ROOT / "cdk.out"
ORDER = {
    "order_id": "o-1001",
    "card": "visa",
    "address": "1 Harbour Road",
    "lines": [
        {"sku": "lamp", "quantity": 1, "price_cents": 4_900},
        {"sku": "desk", "quantity": 2, "price_cents": 12_900},
    ],
}
NEXT = """
demo: SUCCEEDED
  the workflow   sample_app/functions/orders/handler.py
  its stack      sample_app/stacks.py
  its tests      tests/sample/test_orders.py
  keep it open   .venv/bin/durable dev --app cdk.out
  deploy it      docs/deploy.md"""


def main() -> int:
    """Run the demo; the exit code is 0 only if the workflow ended as SUCCEEDED."""
    if not shutil.which("node"):
        print("demo: `node` is not on PATH; run this through `make demo`, which installs it", file=sys.stderr)
        return 2
    print("demo: synthesizing the sample app into cdk.out", flush=True)
    environment = {"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20", **os.environ, "CDK_OUTDIR": str(ASSEMBLY)}
    synth = subprocess.run([sys.executable, "-m", "sample_app.app"], cwd=ROOT, env=environment, check=False)
    if synth.returncode:
        return synth.returncode
    print("demo: running the orders workflow on the local service; its waits are skipped", flush=True)
    command = [sys.executable, "-m", "durable_cli.main", "dev", "--app", str(ASSEMBLY)]
    command += ["--invoke", "Orders/Orders", "--payload", json.dumps(ORDER), "--timeout", "120"]
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode == 0:
        print(NEXT)
    return done.returncode


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
