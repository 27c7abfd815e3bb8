"""Images in IDX files (MNIST, Fashion-MNIST and their like), gzipped or not, read row by row."""

import gzip
import struct
from functools import cached_property
from pathlib import Path

import numpy as np

from dni_actors.config.checks import ConfigError
from dni_actors.nn.arrays import Array
from dni_actors.nn.digest import digest
from dni_actors.tasks.kept import kept
from dni_actors.tasks.task import Samples, Split

UBYTE = 0x08
NAMES = {
    "train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
    "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte"),
}
VALIDATION = 12  # one in so many training images


def read_idx(path: Path, rank: int) -> Array:
    """An array of bytes with `rank` dimensions, from the file or its gzipped form. ConfigError names what is wrong."""
    gzipped = path.with_name(path.name + ".gz")
    try:
        content = gzip.decompress(gzipped.read_bytes()) if gzipped.exists() else path.read_bytes()
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError("data", f"{path} cannot be read ({reason}); give a folder of IDX files") from error
    head = 4 + 4 * rank
    if len(content) < head or content[:4] != bytes((0, 0, UBYTE, rank)):
        raise ConfigError("data", f"{path} is no IDX file of bytes with {rank} dimensions; give one as MNIST has them")
    shape = struct.unpack(f">{rank}I", content[4:head])
    if len(content) - head != int(np.prod(shape, dtype=object)):
        sizes = f"{len(content) - head} bytes for {' x '.join(map(str, shape))}"
        raise ConfigError("data", f"{path} is truncated or too long ({sizes}); copy it anew")
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape)


class ImageRows:
    """A folder's images [N, height, width]: `height` steps of `width` pixels. A twelfth of the training images is for
    validation: every twelfth one."""

    def __init__(self, folder: Path) -> None:
        self._parts = {}
        for part, (images, labels) in NAMES.items():
            x, y = read_idx(folder / images, 3), read_idx(folder / labels, 1)
            if len(x) != len(y) or len(x) < VALIDATION:
                problem = f"{folder} has {len(x)} {part} images and {len(y)} labels"
                raise ConfigError("data", f"{problem}; give as many of both, {VALIDATION} or more")
            self._parts[part] = x, y
        x, y = self._parts["train"]
        if self._parts["test"][0].shape[1:] != x.shape[1:]:
            raise ConfigError("data", f"{folder} has test images of another size than its training images; mend that")
        self.steps: int | None = x.shape[1]
        self.loss, self.per_step = "softmax", False
        self.inputs, self.classes = x.shape[2], int(max(labels.max() for _, labels in self._parts.values())) + 1
        self._validates = np.arange(len(y)) % VALIDATION == VALIDATION - 1
        self.validation = int(self._validates.sum())
        self.train, self.test = len(y) - self.validation, len(self._parts["test"][1])

    @cached_property
    def fingerprint(self) -> str:
        """Of all images and labels."""
        named = zip(("images", "labels"), zip(*self._parts.values(), strict=True), strict=True)
        return digest((name, array) for name, arrays in named for array in arrays)

    def load(self, first: int, steps: int) -> Split:
        """See tasks/task.py."""

        def window(images: Array, labels: Array) -> Samples:
            rows = images[:, first : first + steps].transpose(1, 0, 2)
            return Samples(rows.astype(np.float32) / np.float32(255), labels.astype(np.int64))

        x, y = self._parts["train"]
        chosen = self._validates
        return Split(window(x[~chosen], y[~chosen]), window(x[chosen], y[chosen]), window(*self._parts["test"]))


@kept
def image_rows(folder: str) -> ImageRows:
    return ImageRows(Path(folder))
