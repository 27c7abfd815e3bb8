"""Where runs lie: a folder of this machine or of an object store. A reader never sees half a file."""

import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyarrow import fs


def why(error: OSError) -> str:
    """The system's words for it, which pyarrow puts at the end of a paragraph."""
    words = re.search(r"Detail: \[errno \d+\] (.*)", str(error))
    return words[1] if words else error.strerror or str(error).splitlines()[0]


def inside(place: str, name: str) -> str:
    """A place in another one; a URI's options (?region=...) stay at its end."""
    head, mark, options = place.partition("?") if "://" in place else (place, "", "")
    return f"{head.rstrip('/')}/{name}{mark}{options}"


DRAFT = ".part"  # the ending of a file that is still being written


def sync(folder: Path) -> None:
    """A folder's list of names, too, outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Storage:
    """A folder, through pyarrow's filesystems. Every method may raise OSError."""

    def __init__(self, filesystem: fs.FileSystem, base: str, name: str | None = None) -> None:
        self._fs, self._base = filesystem, base.rstrip("/") or "/"
        self.name = name or self._base
        """as a person, or `--storage`, would give it"""
        self._local = isinstance(filesystem, fs.LocalFileSystem)

    @classmethod
    def of(cls, place: str) -> "Storage":
        """A path, or a URI such as s3://bucket/runs. OSError says what is wrong with it."""
        if "://" not in place:
            path = os.path.expanduser(place)
            if path.startswith("~"):
                raise OSError("nobody of that name has a home here; set HOME, or give an absolute path")
            return cls(fs.LocalFileSystem(), path)
        try:
            filesystem, base = fs.FileSystem.from_uri(place)
        except (pa.ArrowException, ValueError) as error:
            raise OSError(str(error).splitlines()[0]) from error
        if filesystem.type_name == "mock":
            raise OSError("nothing stays there")
        if filesystem.type_name != "local" and "" in base.strip("/").split("/"):
            raise OSError("it names no bucket, or has an empty name in it")
        return cls(filesystem, base, place)

    def __truediv__(self, name: str) -> "Storage":
        """A folder inside."""
        return Storage(self._fs, f"{self._base}/{name}", inside(self.name, name))

    @property
    def path(self) -> Path | None:
        """None where it is not on this machine."""
        return Path(self._base) if self._local else None

    def make(self) -> None:
        """Makes the folder, and those above it; their names, too, outlive a power cut."""
        folder = Path(self._base)
        new = [place for place in (folder, *folder.parents) if not place.exists()] if self._local else []
        self._fs.create_dir(self._base, recursive=True)
        for place in new:
            with suppress(PermissionError):  # a folder that one may write into, but not read
                sync(place.parent)

    def exists(self, name: str = "") -> bool:
        return bool(self._fs.get_file_info(f"{self._base}/{name}".rstrip("/")).type != fs.FileType.NotFound)

    def names(self) -> list[str]:
        """What lies in the folder, in order; drafts left out."""
        chosen = fs.FileSelector(self._base, allow_not_found=True)
        found = sorted(info.base_name for info in self._fs.get_file_info(chosen))
        return [name for name in found if not name.endswith(DRAFT)]

    def open(self, name: str) -> pa.NativeFile:
        """For reading parts of a large file."""
        return self._fs.open_input_file(f"{self._base}/{name}")

    def read(self, name: str) -> bytes:
        with self.open(name) as file:
            return bytes(file.read())

    def write(self, name: str, content: bytes | pa.Buffer) -> None:
        """On this machine under another name first, to the disk, then renamed; elsewhere a file appears when whole."""
        target = f"{self._base}/{name}"
        if not self._local:
            with self._fs.open_output_stream(target) as stream:
                stream.write(content)
            return
        draft = Path(self._base) / f".{name}{DRAFT}"
        try:
            with draft.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(target)
        except OSError:
            draft.unlink(missing_ok=True)  # half a file on a disk that is full helps nobody
            raise
        sync(Path(self._base))

    def write_json(self, name: str, content: Any) -> None:
        self.write(name, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())

    def remove(self, name: str = "") -> None:
        """A file or a folder with all that is in it; nothing happens if there is none."""
        target = f"{self._base}/{name}".rstrip("/")
        kind = self._fs.get_file_info(target).type
        if kind == fs.FileType.Directory:
            self._fs.delete_dir(target)
        elif kind == fs.FileType.File:
            self._fs.delete_file(target)
