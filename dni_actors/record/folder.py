"""A run's folder: made once, or taken up again by a run with the same settings."""

import fcntl
import os
import re
import secrets
from datetime import datetime
from typing import Any

import tomli_w

from dni_actors.config.checks import ConfigError
from dni_actors.config.fields import FIELDS
from dni_actors.config.run import RunConfig
from dni_actors.record.cut_files import CUTS
from dni_actors.record.run_files import CONFIG, DIGESTS, METRICS, RunFiles
from dni_actors.record.storage import Storage, why

DERIVED = {"boxes": "unrolls", "unroll": "unrolls", "epochs": "ticks", "ticks": "ticks", "wire_dtype": "wire_dtype"}

INSIDE = (METRICS, DIGESTS, CUTS)  # made before config.toml, with which a run's folder is one


def new_name(config: RunConfig) -> str:
    """The configured name, or task, date and a short id. A task from a file is called as that, a class as itself."""
    task = re.sub(r"[^\w.-]+", "-", re.split("[/:]", config.chain.task)[-1])[:64]
    return config.output.name or f"{task}-{datetime.now():%Y%m%d-%H%M%S}-{secrets.token_hex(2)}"


class RunFolder:
    """`<storage>/<name>/`. `config`: the run's, with what an earlier part of it has settled."""

    def __init__(self, config: RunConfig, runs: Storage) -> None:
        self.name = new_name(config)
        self.storage = runs / self.name
        self.config = config.replace(name=self.name)
        self.resumed = False
        self.data_changed = False
        """the run goes on with other data"""
        self._claim: int | None = None

    @classmethod
    def open(cls, config: RunConfig) -> "RunFolder":
        """Makes the folder, or takes up the run in it. ConfigError if it cannot be made, or that run is another one."""
        try:
            folder = cls(config, Storage.of(config.output.storage))
            if folder.storage.exists() and not folder._is_bare():
                folder._take_up()
            else:
                folder._make()
        except OSError as error:
            raise unwritable(config, error) from error
        return folder

    def _is_bare(self) -> bool:
        """Whether a run began to make the folder, and was killed before it had a configuration."""
        try:
            names = self.storage.names()
        except OSError:  # no folder
            return False
        return set(names) <= set(INSIDE) and not any((self.storage / name).names() for name in names)

    def _make(self) -> None:
        self.storage.make()
        self._claim_it()
        try:
            for name in INSIDE:
                (self.storage / name).make()
            self.write_config(self.config)
        except OSError:
            self.release()
            self.storage.remove()
            raise

    def _claim_it(self) -> None:
        """One run at a time, where a lock can be had; the lock is gone with its process."""
        if self.storage.path is None:
            return
        self._claim = os.open(self.storage.path, os.O_RDONLY)
        try:
            fcntl.flock(self._claim, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.release()
            problem = f"{self.name!r} is taken by a run that is still going on; stop that, or give another name"
            raise ConfigError("name", problem) from error
        except OSError:  # a filesystem without locks
            self.release()

    def release(self) -> None:
        """Somebody else may go on from here."""
        if self._claim is not None:
            os.close(self._claim)
            self._claim = None

    def _take_up(self) -> None:
        where = f"{self.name!r} is taken"
        if not self.storage.exists(CONFIG):
            problem = f"{where}: the folder exists and holds no run; give another name or remove that folder"
            raise ConfigError("name", problem)
        try:
            before = RunFiles(self.storage).config()
        except (ValueError, RecursionError) as error:
            problem = f"{where}, and the config.toml there cannot be used ({error}); mend it or give another name"
            raise ConfigError("name", problem) from error
        if self.config.learning.lag == "auto":
            self.config = self.config.replace(lag=before.learning.lag)
        differing = differences(before, self.config)
        if differing:
            words = "; ".join(differing)
            raise ConfigError("name", f"{where} by a run with other settings ({words}); give those, or another name")
        allow = self.config.output.data_changed == "allow"
        self.data_changed = RunFiles(self.storage).check_data(self.config, allow)
        self._claim_it()
        self.resumed = True
        self.write_config(self.config)

    def write_config(self, config: RunConfig) -> None:
        """Without the run's name: the file is there to run the same again, under another one."""
        fields = {k: v for k, v in config.flat().items() if v is not None and k not in ("name", "data_changed")}
        self.storage.write(CONFIG, tomli_w.dumps(fields).encode())

    def discard(self) -> None:
        """Removes the folder of a run that never began."""
        self.release()
        if not self.resumed:
            self.storage.remove()


def differences(before: RunConfig, now: RunConfig) -> list[str]:
    """The fields in which two configurations differ that would come to different results: `seed 0, not 1`."""
    decisive = {field.name for field in FIELDS.values() if field.counts}
    if before.learning.stop_after:
        decisive.add("evaluate_every")  # which ends the run
    found = {}
    for name in decisive:
        one, other = meaning(before, name), meaning(now, name)
        longer = name in ("ticks", "epochs") and before.learning.decay == "none" and other > one
        if one != other and not longer:
            found[DERIVED.get(name, name).replace("unrolls", "unroll")] = f"{one}, not {other}"
    return [f"{name} {values}" for name, values in sorted(found.items())]


def meaning(config: RunConfig, name: str) -> Any:
    return getattr(config, DERIVED[name]) if name in DERIVED else config.flat()[name]


def unwritable(config: RunConfig, error: OSError) -> ConfigError:
    reason = why(error)
    return ConfigError(
        "storage", f"{config.output.storage!r} cannot be written ({reason}); give a folder you may write to"
    )
