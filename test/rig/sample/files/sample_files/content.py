"""Deterministic file content: the same seed and label give the same bytes on every machine."""

import random

BLOCK = 1 << 20
LINE_COUNT = 4096
WORDS = (
    "account balance bridge capture client cluster commit delta entry error event garden harbour index kernel lantern "
    "ledger merge metric node orchard packet query queue record replica request restore river schema session socket "
    "table timeout token transfer update valley vector window worker"
).split()


def generator(seed: int, label: str) -> random.Random:
    return random.Random(f"{seed}/{label}")


def log_lines(seed: int) -> list[bytes]:
    """Lines of a log, to be put together in ever new orders: compressible, and no chunk of it occurs twice."""
    rng = generator(seed, "lines")
    return [
        f"2026-02-02T12:{rng.randrange(60):02}:{rng.randrange(60):02}.{rng.randrange(1000):03}Z "
        f"{rng.choice(['info', 'notice', 'error'])} {' '.join(rng.choices(WORDS, k=8))} {rng.randrange(10**9)}\n".encode()
        for _ in range(LINE_COUNT)
    ]


def text(rng: random.Random, lines: list[bytes], size: int) -> bytes:
    """About four to one compressible."""
    shortest = min(len(line) for line in lines)
    return b"".join(rng.choices(lines, k=size // shortest + 1))[:size]


def blocks(rng: random.Random, lines: list[bytes], size: int):
    """Two thirds text, one third random bytes, in blocks of 1 MiB."""
    for index, offset in enumerate(range(0, size, BLOCK)):
        length = min(BLOCK, size - offset)
        yield rng.randbytes(length) if index % 3 == 2 else text(rng, lines, length)


def small(seed: int, index: int, version: int, lines: list[bytes], mean: int) -> bytes:
    """One of many small files: sizes spread from none to ten times the mean, every third of random bytes."""
    rng = generator(seed, f"small/{index}/{version}")
    size = 0 if index % 97 == 0 else min(int(rng.expovariate(1 / mean)), 10 * mean)
    return rng.randbytes(size) if index % 3 == 2 else text(rng, lines, size)
