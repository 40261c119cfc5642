"""A tree with one of everything that a copy of files gets wrong."""

import errno
import os
import socket
import stat
import struct

from . import content

DEEP_LEVELS = 120
NAMES = [
    b"new\nline", b"tab\tname", b"-rf", b"--option=value", b" leading and trailing ", b"'single' and \"double\"",
    b"back\\slash", b"*?[glob]", b"$HOME `id` $(id)", b"semi;colon & | > <", b"~", b"%2e%2e%2f", b"..hidden", b"...",
    b".dot", b"latin1-\xe9\xe8", b"invalid-\xff\xfe\x80", b"control-\x01\x1b[31m\x7f", "日本語".encode(),
    "čšž".encode(), "e\u0301-decomposed".encode(), "\u00e9-composed".encode(), "🦀".encode(), b"x" * 255,
    ("é" * 127).encode(), b"CON", b"trailing.", b"COM1.txt", b"a:b", b"erlmcp_full_20260202_120000",
]
SIZES = [0, 1, 511, 512, 513, 4095, 4096, 4097, 65535, 65536, 65537, 1048575, 1048576, 1048577]
NS = 10**9
TIMES_NS = {
    b"nanoseconds": 1770033600 * NS + 123456789, b"one": 1, b"zero": 0, b"before-1970": -86400 * NS + 999999999,
    b"year-2100": 4102444800 * NS + 1, b"after-2038": 2147483648 * NS,
}
OWNERS = {b"root": (0, 0), b"user": (1000, 1000), b"nobody": (65534, 65534), b"mixed": (123456, 654321), b"huge": (4294967294, 4294967294)}
MODES = [0o000, 0o111, 0o400, 0o600, 0o644, 0o777, 0o4755, 0o2755, 0o6711, 0o1644]
LARGE_XATTR_BYTES = 2000


def write(path: bytes, data: bytes) -> bytes:
    with open(path, "wb") as file:
        file.write(data)
    return path


def folder(root: bytes, name: bytes) -> bytes:
    path = os.path.join(root, name)
    os.mkdir(path)
    return path


def names(root: bytes) -> None:
    for name in NAMES:
        write(os.path.join(root, name), b"name: " + name)
        # Folders may be called as oddly as files.
        if len(name) < 200:
            write(os.path.join(folder(root, name + b".d"), name), b"inside")


def sizes(root: bytes, seed: int) -> None:
    rng = content.generator(seed, "sizes")
    for size in SIZES:
        write(os.path.join(root, b"size-%d" % size), rng.randbytes(size))
    write(os.path.join(root, b"same-a"), b"the same content twice\n" * 5000)
    write(os.path.join(root, b"same-b"), b"the same content twice\n" * 5000)
    write(os.path.join(root, b"zeros"), bytes(1 << 20))


def links(root: bytes) -> None:
    target = write(os.path.join(root, b"target"), b"three names\n")
    os.link(target, os.path.join(root, b"second-name"))
    os.link(target, os.path.join(folder(root, b"elsewhere"), b"third-name"))
    symlinks = {
        b"relative": b"target", b"absolute": b"/etc/hostname", b"dangling": b"no/such/file", b"to-folder": b"elsewhere",
        b"upwards": b"../../../../etc/passwd", b"loop": b"loop", b"dot": b".", b"odd-target": b"new\nline \xff",
        b"long-target": b"t" * 4000,
    }
    for name, value in symlinks.items():
        os.symlink(value, os.path.join(root, name))
    os.link(os.path.join(root, b"dangling"), os.path.join(root, b"hard-linked-symlink"), follow_symlinks=False)
    os.lchown(os.path.join(root, b"relative"), 1000, 1000)


def special(root: bytes) -> None:
    fifo = os.path.join(root, b"fifo")
    os.mkfifo(fifo, 0o640)
    os.link(fifo, os.path.join(root, b"fifo-second-name"))
    os.mknod(os.path.join(root, b"null-device"), stat.S_IFCHR | 0o666, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as unix:
        unix.bind(os.path.join(root, b"socket"))


def sparse(root: bytes, mib: int) -> None:
    """Files with holes at their start, middle and end, and one that is all hole."""
    size = max(mib, 1) << 20
    layouts = {b"hole-first": [size - 5], b"hole-last": [0], b"hole-inside": [0, size // 2, size - 5], b"all-hole": []}
    for name, offsets in layouts.items():
        with open(os.path.join(root, name), "wb") as file:
            for offset in offsets:
                file.seek(offset)
                file.write(b"data\n")
            file.truncate(size)


def owners_and_modes(root: bytes) -> None:
    for name, (uid, gid) in OWNERS.items():
        path = write(os.path.join(root, b"owner-" + name), name)
        os.chown(path, uid, gid)
    for mode in MODES:
        os.chmod(write(os.path.join(root, b"mode-%04o" % mode), b"%04o" % mode), mode)
    for name, mode in {b"sticky": 0o1777, b"setgid": 0o2775, b"closed": 0o000, b"write-only": 0o300}.items():
        path = folder(root, name)
        write(os.path.join(path, b"inside"), b"inside")
        os.chmod(path, mode)


def times(root: bytes) -> None:
    for name, at in TIMES_NS.items():
        path = write(os.path.join(root, name), name)
        os.utime(path, ns=(at, at))
    path = folder(root, b"old-folder")
    write(os.path.join(path, b"new-file"), b"new")
    os.utime(path, ns=(NS + 1, NS + 1))
    link = os.path.join(root, b"old-link")
    os.symlink(b"one", link)
    os.utime(link, ns=(NS + 7, NS + 7), follow_symlinks=False)


def acl(*entries: tuple[int, int, int]) -> bytes:
    """The kernel's form of a POSIX ACL: version 2, then tag, permissions and ID of each entry."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", tag, perm, ident) for tag, perm, ident in entries)


def attributes(root: bytes) -> None:
    nobody = 0xFFFFFFFF
    path = write(os.path.join(root, b"user-xattrs"), b"xattrs")
    os.setxattr(path, b"user.comment", "čšž".encode())
    os.setxattr(path, b"user.empty", b"")
    os.setxattr(path, b"user.binary", bytes(range(256)))
    os.setxattr(path, b"user.large", b"v" * LARGE_XATTR_BYTES)
    os.setxattr(path, "user.naïve name".encode(), b"odd name")
    os.setxattr(folder(root, b"folder-with-xattr"), b"user.comment", b"on a folder")

    path = write(os.path.join(root, b"capability"), b"#!/bin/sh\n")
    os.chmod(path, 0o755)
    # cap_net_bind_service, permitted and effective, as setcap(8) writes it.
    os.setxattr(path, b"security.capability", struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0))

    access = acl((0x01, 6, nobody), (0x02, 4, 1000), (0x04, 4, nobody), (0x08, 6, 2000), (0x10, 6, nobody), (0x20, 0, nobody))
    os.setxattr(write(os.path.join(root, b"acl-file"), b"acl"), b"system.posix_acl_access", access)
    inherited = folder(root, b"acl-folder")
    os.setxattr(inherited, b"system.posix_acl_default", access)
    write(os.path.join(inherited, b"inherits"), b"acl")


def deep(root: bytes) -> None:
    path = root
    for level in range(DEEP_LEVELS):
        path = folder(path, b"level-%03d" % level)
    write(os.path.join(path, b"bottom"), b"%d levels down\n" % DEEP_LEVELS)


def fill(root: bytes, seed: int, sparse_mib: int) -> None:
    """Raises OSError where the volume's file system lacks something; an interrupted fill cannot be taken up again."""
    if os.listdir(root):
        raise OSError(errno.ENOTEMPTY, "the volume holds something that is not the sample's", os.fsdecode(root))
    folder(folder(root, b"empty-folder"), b"empty-inside")
    folder(root, b"growing")
    names(folder(root, b"names"))
    sizes(folder(root, b"sizes"), seed)
    links(folder(root, b"links"))
    special(folder(root, b"special"))
    sparse(folder(root, b"sparse"), sparse_mib)
    owners_and_modes(folder(root, b"owners-and-modes"))
    attributes(folder(root, b"attributes"))
    deep(folder(root, b"deep"))
    times(folder(root, b"times"))
