"""Fills the volumes at the first start."""

import os
from dataclasses import dataclass
from pathlib import Path

from . import content, odd

MARK = b".sample"  # written last: a volume without it is filled (again)
PER_FOLDER = 250


@dataclass(frozen=True)
class Settings:
    seed: int
    small_count: int
    small_bytes: int
    large_count: int
    large_mib: int
    sparse_mib: int
    grow_bytes: int

    @staticmethod
    def from_environment() -> "Settings":
        def number(name: str, default: int) -> int:
            value = os.environ.get(name) or str(default)
            if not value.isdecimal():
                raise SystemExit(f"{name} is no whole number: {value}")
            return int(value)

        return Settings(
            seed=number("SAMPLE_SEED", 1),
            small_count=number("SAMPLE_FILES_SMALL", 300),
            small_bytes=number("SAMPLE_FILES_SMALL_BYTES", 14000),
            large_count=number("SAMPLE_FILES_LARGE", 3),
            large_mib=number("SAMPLE_FILES_LARGE_MB", 8),
            sparse_mib=number("SAMPLE_FILES_SPARSE_MB", 64),
            grow_bytes=number("SAMPLE_FILES_GROW", 4096),
        )


def small_path(root: bytes, index: int) -> bytes:
    return os.path.join(root, b"folder-%04d" % (index // PER_FOLDER), b"file-%06d.dat" % index)


def fill_small(root: bytes, settings: Settings) -> None:
    lines = content.log_lines(settings.seed)
    for index in range(settings.small_count):
        path = small_path(root, index)
        if index % PER_FOLDER == 0:
            os.makedirs(os.path.dirname(path), exist_ok=True)
        Path(os.fsdecode(path)).write_bytes(content.small(settings.seed, index, 0, lines, settings.small_bytes))


def fill_large(root: bytes, settings: Settings) -> None:
    lines = content.log_lines(settings.seed)
    for index in range(settings.large_count):
        rng = content.generator(settings.seed, f"large/{index}")
        with open(os.path.join(root, b"large-%02d.bin" % index), "wb") as file:
            for block in content.blocks(rng, lines, settings.large_mib << 20):
                file.write(block)


def fill(folder: str, settings: Settings) -> None:
    """Fills the volumes below `folder` that have not been filled; `empty` stays as it is."""
    fillers = {
        b"small": fill_small,
        b"large": fill_large,
        b"data": lambda root, settings: odd.fill(root, settings.seed, settings.sparse_mib),
    }
    for name, filler in fillers.items():
        root = os.path.join(os.fsencode(folder), name)
        mark = os.path.join(root, MARK)
        if not os.path.exists(mark):
            filler(root, settings)
            Path(os.fsdecode(mark)).write_bytes(b"filled\n")
