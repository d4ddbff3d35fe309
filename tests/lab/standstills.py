#!/usr/bin/python3
"""Until it is ended: whenever the machine stood still, a line "WHEN SECONDS" is appended to FILE. WHEN (Unix time) is when this
program ran again, SECONDS after it should have.
"""
import sys
import time

STEP = 0.02
LEAST = 0.25  # seconds; less is what forty programs make each other wait for two CPUs

with open(sys.argv[1], "a", buffering=1, encoding="ascii") as file:
    while True:
        due = time.monotonic() + STEP
        time.sleep(STEP)
        late = time.monotonic() - due
        if late >= LEAST:
            file.write(f"{time.time():.2f} {late:.2f}\n")
