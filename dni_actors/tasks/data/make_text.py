"""Makes persuasion.txt.gz from the novel inside Debian's package r-cran-janeaustenr.

Usage (where Debian's apt works; nothing here runs when the package is used):

    apt-get download r-cran-janeaustenr
    dpkg-deb -x r-cran-janeaustenr_1.0.0-1_all.deb .
    python -m dni_actors.tasks.data.make_text usr/lib/R/site-library/janeaustenr/data/Rdata.rdb

The file holds each novel as a vector of lines, serialised by R and compressed. Nothing is changed but that: one line
of the novel is one line of the text.
"""

import gzip
import struct
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

TITLE = "Persuasion"
HEADER = b"X\n\0\0\0\3"  # R's serialisation, big-endian, version 3
ENCODING = b"UTF-8\0\0\0\x10"  # the header's end, and the type of what follows: a vector of strings


def novels(file: bytes) -> Iterator[list[str]]:
    """The lines of each."""
    while file:
        packed = zlib.decompressobj()
        content = packed.decompress(file[4:])  # before it stands how long it becomes
        file = packed.unused_data
        assert content.startswith(HEADER)
        at = content.index(ENCODING) + len(ENCODING)
        (count,) = struct.unpack_from(">I", content, at)
        at, lines = at + 4, []
        for _ in range(count):
            _flags, size = struct.unpack_from(">2I", content, at)
            lines.append(content[at + 8 : at + 8 + size].decode("utf-8"))
            at += 8 + size
        yield lines


def main() -> None:
    (novel,) = (lines for lines in novels(Path(sys.argv[1]).read_bytes()) if lines[0] == TITLE)
    text = "\n".join(novel) + "\n"
    target = Path(__file__).with_name("persuasion.txt.gz")
    target.write_bytes(gzip.compress(text.encode("utf-8"), mtime=0))
    print(f"{target}: {len(text)} characters, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
