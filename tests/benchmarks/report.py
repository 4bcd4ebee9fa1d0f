"""`GET /v1/breakouts/{id}` of 100 rooms and 1,000 people, all recorded, on an idle system."""

import statistics
import time

from tests.benchmarks.rig import rig

ROOMS, PEOPLE, REQUESTS = 100, 1000, 100


def main() -> None:
    """Print how long the response takes in milliseconds, including the client's own time."""
    with rig() as stack:
        made = stack.breakout(stack.meeting(PEOPLE), rooms=ROOMS, record=True)
        stack.wait(made["id"], "open", 60)
        path, took = f"/v1/breakouts/{made['id']}", []
        for _ in range(REQUESTS):
            begun = time.monotonic()
            answer = stack.api.get(path)
            took.append((time.monotonic() - begun) * 1000)
        took.sort()
        print(
            f"{len(answer.content) / 1000:.0f} kB: median {statistics.median(took):.0f} ms, "
            f"p95 {took[int(REQUESTS * 0.95)]:.0f} ms"
        )


if __name__ == "__main__":
    main()
