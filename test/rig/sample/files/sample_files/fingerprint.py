"""What a tree holds, one JSON document a line, sorted by path: independent of any backup.

Bytes that are no printable ASCII are percent-encoded in paths, targets and names of extended attributes.
"""

import base64
import hashlib
import json
import os
import stat
from urllib.parse import quote_from_bytes

READABLE = " /!\"#$&'()*+,:;<=>?@[\\]^_`{|}~"
TYPES = {
    stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "symlink", stat.S_IFIFO: "fifo",
    stat.S_IFSOCK: "socket", stat.S_IFCHR: "character device", stat.S_IFBLK: "block device",
}


def quote(value: bytes) -> str:
    return quote_from_bytes(value, safe=READABLE)


def digest(path: bytes) -> str:
    with open(os.open(path, os.O_RDONLY | os.O_NOATIME | os.O_NOFOLLOW), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def walk(root: bytes, relative: bytes = b""):
    """Every path below `root`, parents before what is in them; the root itself is "."."""
    yield relative or b"."
    for name in sorted(os.listdir(os.path.join(root, relative))):
        path = os.path.join(relative, name)
        if stat.S_ISDIR(os.lstat(os.path.join(root, path)).st_mode):
            yield from walk(root, path)
        else:
            yield path


def describe(root: bytes, relative: bytes, first_names: dict[tuple[int, int], str]) -> dict[str, object]:
    path = os.path.join(root, relative)
    facts = os.lstat(path)
    kind = TYPES[stat.S_IFMT(facts.st_mode)]
    line: dict[str, object] = {
        "path": quote(relative), "type": kind, "mode": f"{stat.S_IMODE(facts.st_mode):04o}", "uid": facts.st_uid,
        "gid": facts.st_gid, "mtime_ns": str(facts.st_mtime_ns), "links": facts.st_nlink,
    }
    if kind == "file":
        line |= {"size": facts.st_size, "allocated": facts.st_blocks * 512, "sha256": digest(path)}
    if kind == "symlink":
        line["target"] = quote(os.readlink(path))
    if kind.endswith("device"):
        line["device"] = [os.major(facts.st_rdev), os.minor(facts.st_rdev)]
    if facts.st_nlink > 1 and kind != "folder":
        line["same_as"] = first_names.setdefault((facts.st_dev, facts.st_ino), quote(relative))
    names = sorted(os.fsencode(name) for name in os.listxattr(path, follow_symlinks=False))
    if names:
        line["xattrs"] = {
            quote(name): base64.b64encode(os.getxattr(path, name, follow_symlinks=False)).decode() for name in names
        }
    return line


def print_tree(root: str) -> None:
    first_names: dict[tuple[int, int], str] = {}
    folder = os.fsencode(root)
    for relative in walk(folder):
        print(json.dumps(describe(folder, relative, first_names), ensure_ascii=True, sort_keys=True))
