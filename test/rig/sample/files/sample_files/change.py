"""Changes that a test asks for, the same each time, to the files of the volume `small`."""

import os
from argparse import Namespace

from . import content
from .fill import Settings, small_path


def existing(root: bytes, settings: Settings) -> list[int]:
    return [index for index in range(settings.small_count) if os.path.exists(small_path(root, index))]


def write(root: bytes, index: int, version: int, settings: Settings, lines: list[bytes]) -> None:
    path = small_path(root, index)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(content.small(settings.seed, index, version, lines, settings.small_bytes))


def change(root: bytes, wanted: Namespace, settings: Settings) -> dict[str, int]:
    """Takes disjoint runs of the files that are there, in order: modified, appended to, given another mode, renamed, deleted."""
    lines = content.log_lines(settings.seed)
    files = existing(root, settings)
    taken = iter(files)

    def run(count: int) -> list[int]:
        return [index for _, index in zip(range(count), taken)]

    modified, appended, chmodded, renamed, deleted = (
        run(count) for count in (wanted.modify, wanted.append, wanted.chmod, wanted.rename, wanted.delete)
    )
    for index in modified:
        write(root, index, wanted.version, settings, lines)
    for index in appended:
        with open(small_path(root, index), "ab") as file:
            file.write(b"appended %d\n" % wanted.version)
    for index in chmodded:
        os.chmod(small_path(root, index), 0o600)
    for index in renamed:
        path = small_path(root, index)
        os.rename(path, path + b".renamed-%d" % wanted.version)
    for index in deleted:
        os.unlink(small_path(root, index))
    for index in range(wanted.add):
        write(root, settings.small_count + index, wanted.version, settings, lines)
    return {
        "modified": len(modified), "appended": len(appended), "chmodded": len(chmodded), "renamed": len(renamed),
        "deleted": len(deleted), "added": wanted.add,
    }
