"""sample-files run | grow on|off | change … | fingerprint FOLDER"""

import argparse
import json
import os
import signal
import sys
import time
from pathlib import Path

from . import change, fill, fingerprint

FOLDER = os.environ.get("SAMPLE_FILES_FOLDER") or "/srv"
READY = Path("/run/sample/ready")
STILL = Path("/run/sample/still")  # while it exists nothing grows
STILL_SEEN = Path("/run/sample/still-seen")
TICK_S = 0.05


def run(settings: fill.Settings) -> None:
    """Fills the volumes, then appends to one file until it is told to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for stale in (READY, STILL, STILL_SEEN):
        stale.unlink(missing_ok=True)
    started = time.monotonic()
    fill.fill(FOLDER, settings)
    print(f"volumes filled in {time.monotonic() - started:.1f} s", flush=True)
    if settings.grow_bytes == 0:
        STILL.touch()
    READY.touch()
    line = b"grows while it is read ".ljust(63, b".") + b"\n"
    per_tick = max(1, int(settings.grow_bytes * TICK_S) // len(line))
    with open(os.path.join(FOLDER, "data/growing/growing.log"), "ab", buffering=0) as log:
        while True:
            if STILL.exists():
                STILL_SEEN.touch()
            else:
                STILL_SEEN.unlink(missing_ok=True)
                log.write(line * per_tick)
            time.sleep(TICK_S)


def grow(on: bool) -> None:
    """Returns when the file really stands still, or may grow again."""
    if on:
        STILL.unlink(missing_ok=True)
        return
    STILL.touch()
    while not STILL_SEEN.exists():
        time.sleep(TICK_S)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="sample-files", description=__doc__)
    commands = top.add_subparsers(dest="command", required=True)
    commands.add_parser("run")
    commands.add_parser("grow").add_argument("state", choices=["on", "off"])
    changes = commands.add_parser("change")
    for kind in ("modify", "append", "chmod", "rename", "delete", "add"):
        changes.add_argument(f"--{kind}", type=int, default=0, metavar="FILES")
    changes.add_argument("--version", type=int, default=1)
    commands.add_parser("fingerprint").add_argument("folder")
    return top


def main() -> None:
    arguments = parser().parse_args()
    settings = fill.Settings.from_environment()
    match arguments.command:
        case "run":
            run(settings)
        case "grow":
            grow(arguments.state == "on")
        case "change":
            root = os.fsencode(os.path.join(FOLDER, "small"))
            print(json.dumps(change.change(root, arguments, settings)))
        case "fingerprint":
            fingerprint.print_tree(arguments.folder)


main()
