"""Data that is read once in a process, and anew when its file has changed: a notebook may write it again."""

import os
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
Stamp = tuple[tuple[int, ...], ...]


def kept(read: Callable[..., T]) -> Callable[..., T]:
    """As functools.cache, for what `read` makes of a file, or of a folder's files, and of further words."""
    known: dict[tuple[str, ...], tuple[Stamp, T]] = {}

    @wraps(read)
    def found(path: str, *words: str) -> T:
        now = stamp(Path(path))  # before it is read: a write meanwhile is noticed the next time
        if (path, *words) not in known or known[(path, *words)][0] != now:
            known.pop((path, *words), None)  # both may be large
            known[(path, *words)] = now, read(path, *words)
        return known[(path, *words)][1]

    return found


def stamp(path: Path) -> Stamp:
    """Changes whenever the file does, or another file is there; empty if there is none that can be looked at."""
    try:
        files = sorted(path.iterdir()) if path.is_dir() else [path]
        return tuple(identity(os.stat(file)) for file in files)
    except OSError:
        return ()


def identity(of: os.stat_result) -> tuple[int, ...]:
    return of.st_dev, of.st_ino, of.st_size, of.st_mtime_ns, of.st_ctime_ns
