"""A run's folder: made once, written to so that a reader never sees half a file."""

import json
import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import Any

import tomli_w

from dni_actors.checks import ConfigError
from dni_actors.config import RunConfig


def new_name(config: RunConfig) -> str:
    """The configured name, or task, date and a short id."""
    return config.output.name or f"{config.chain.task}-{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


class RunFolder:
    """`<storage>/<name>/`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, config: RunConfig) -> "RunFolder":
        """Makes the folder; ConfigError if it cannot be made or is there already."""
        folder = cls(Path(config.output.storage) / new_name(config))
        try:
            folder.path.mkdir(parents=True)
        except FileExistsError as error:
            told = f"{folder.path.name!r} is taken: {folder.path} exists; give another name or remove that folder"
            raise ConfigError("name", told) from error
        except OSError as error:
            raise unwritable(config, error) from error
        try:
            (folder.path / "metrics").mkdir()
            folder.write_config(config)
        except OSError as error:
            folder.discard()
            raise unwritable(config, error) from error
        return folder

    def write_config(self, config: RunConfig) -> None:
        """Without the run's name: the file is there to run the same again, under another one."""
        fields = {k: v for k, v in config.flat().items() if v is not None and k != "name"}
        self.write("config.toml", tomli_w.dumps(fields))

    def write(self, name: str, content: str) -> None:
        """Writes a text file: under another name first, to the disk, then renamed."""
        target = self.path / name
        draft = target.with_name(f".{target.name}.part")
        with draft.open("w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(target)

    def write_json(self, name: str, content: Any) -> None:
        self.write(name, json.dumps(content, indent=2, allow_nan=False) + "\n")

    def discard(self) -> None:
        """Removes the folder of a run that never began."""
        for child in sorted(self.path.rglob("*"), reverse=True):
            child.rmdir() if child.is_dir() else child.unlink()
        self.path.rmdir()


def unwritable(config: RunConfig, error: OSError) -> ConfigError:
    return ConfigError(
        "storage",
        f"{config.output.storage!r} cannot be written ({error.strerror or error}); give a folder you may write to",
    )
