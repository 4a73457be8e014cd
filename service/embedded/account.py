"""Lets root run the embedded server: as whom Postgres runs then, and how that account comes to the folder."""

from __future__ import annotations

import logging
import os
import pwd
import shutil
import struct
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from service.embedded.place import Account, EmbeddedError

if TYPE_CHECKING:
    from service.embedded.place import Place

log = logging.getLogger(__name__)

NAME = "trecento"
SEARCH = 'for folder do test -x "$folder" || { printf %s "$folder"; exit; }; done'

ACCESS = "system.posix_acl_access"
HEAD, ENTRY = struct.Struct("<I"), struct.Struct("<HHI")
"""The form of an access list in Linux' linux/posix_acl_xattr.h: version 2, then (tag, permissions, id) by tag."""
OWNER, USER, GROUP_OWNER, GROUP, MASK, OTHERS = 1, 2, 4, 8, 16, 32
NO_ID = 0xFFFFFFFF


def account_for(data: Path) -> Account | None:
    """Choose whom Postgres runs as: ourselves, or for root the data's owner, or an account made for it."""
    if os.geteuid() != 0:
        return None
    if data.exists() and data.stat().st_uid != 0:
        return Account(data.stat().st_uid, data.stat().st_gid)
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        entry = _make()
    if data.is_dir() and any(data.iterdir()):
        raise EmbeddedError(f"{data} belongs to root, whom PostgreSQL refuses: chown -R {NAME}: {data}")
    return Account(entry.pw_uid, entry.pw_gid)


def _make() -> pwd.struct_passwd:
    useradd = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if useradd:
        options = ("--system", "--user-group", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin")
        subprocess.run([useradd, *options, NAME], capture_output=True, check=False)  # noqa: S603 - constants
    try:
        return pwd.getpwnam(NAME)
    except KeyError:
        raise EmbeddedError(
            f"PostgreSQL refuses root, and the account {NAME} cannot be made: make it, start as another user, "
            "or set DATABASE_URL"
        ) from None


def let_in(place: Place, *ways: Path) -> None:
    """See that the account comes to these paths: where a folder above is closed to it, it alone may pass from now on.

    Raises EmbeddedError where that is not in our power.
    """
    if not place.account:
        return
    programs = place.programs.parent
    parents = [parent for way in ways for parent in (*reversed(way.parents), way)]
    opened = None
    while closed := place.run("/bin/sh", "-c", SEARCH, "sh", *parents)[1]:
        folder = Path(closed)
        if folder.is_relative_to(programs):
            raise EmbeddedError(f"PostgreSQL cannot be run by others than root: chmod -R o+rX {programs}")
        if folder == opened or not _admit(folder, place.account.uid):
            raise EmbeddedError(
                f"PostgreSQL refuses root, and {folder} is closed to its account: chmod o+x {folder}, "
                "start as another user, or set DATABASE_URL"
            )
        log.warning("PostgreSQL's account, user id %s, may pass through %s from now on", place.account.uid, folder)
        opened = folder


def _admit(folder: Path, uid: int) -> bool:
    """Add "may search" for one user to a folder's access list, and change nothing for anybody else."""
    try:
        entries = list(ENTRY.iter_unpack(os.getxattr(folder, ACCESS)[HEAD.size :]))
    except OSError:
        mode = folder.stat().st_mode
        entries = [(OWNER, mode >> 6 & 7, NO_ID), (GROUP_OWNER, mode >> 3 & 7, NO_ID), (OTHERS, mode & 7, NO_ID)]
    limit = next((can for tag, can, _ in entries if tag == MASK), 7)
    limited = {USER, GROUP_OWNER, GROUP}
    kept = [(tag, can & limit if tag in limited else can, who) for tag, can, who in entries if tag != MASK]
    kept = [(USER, 1, uid), *(entry for entry in kept if entry[0] != USER or entry[2] != uid)]
    mask = 0
    for tag, can, _ in kept:
        mask |= can if tag in limited else 0
    try:
        os.setxattr(
            folder, ACCESS, HEAD.pack(2) + b"".join(ENTRY.pack(*e) for e in sorted([*kept, (MASK, mask, NO_ID)]))
        )
    except OSError:
        return False
    return True
