"""A generator step writes one version chunk by chunk; its consumer reads it the same way."""

from __future__ import annotations

from collections.abc import Iterator

import artifact_plugins as ap


@ap.step
def readings(count: int) -> Iterator[dict]:
    """Yield one record at a time; a million of them need no more memory than one."""
    for number in range(count):
        yield {"number": number, "celsius": 20 + number % 7}


@ap.step
def warmest(readings: Iterator[dict]) -> float:
    """Read the records one at a time."""
    return max(reading["celsius"] for reading in readings)


with ap.start_run("streaming") as run:
    result = warmest(readings(10_000))

version = run["readings"]
print(f"{version}: {version.item_count:,} records in {version.size_bytes:,} bytes")
print("warmest:", ap.value(result))
