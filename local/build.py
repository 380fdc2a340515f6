"""Builds what is missing, once: whoever comes second waits for the first, and an interrupted build leaves nothing."""

import contextlib
import fcntl
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from local import debian
from local.catalogue import PARTS
from local.errors import LocalError
from local.parts import Part
from local.paths import cache
from local.progress import say, step

_MONTH = 30 * 24 * 3600.0


def named(names: Sequence[str]) -> list[Part]:
    """The parts of these names; if none is given, all that we may build."""
    known = {part.name: part for part in PARTS}
    if unknown := [name for name in names if name not in known]:
        raise LocalError(f"no part is called {', '.join(unknown)}; there are: {', '.join(known)}")
    return [part for part in PARTS if part.name in names or (not names and not (part.root and os.getuid()))]


def ensure(parts: Iterable[Part]) -> None:
    """Builds those parts that are not built yet."""
    wanted = list(parts)
    if os.getuid() == 0:
        debian.ensure(tool for part in wanted for tool in part.tools)
    for part in wanted:
        if part.built():
            with contextlib.suppress(PermissionError):
                os.utime(part.folder())  # it is in use: see _prune
    missing = [part for part in wanted if not part.built()]
    if not missing:
        return
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise LocalError("the local cluster runs on Linux on x86-64 only")
    say(f"building into {cache()}: {', '.join(part.name for part in missing)}")
    say("this happens once; later runs find it there (Go's own caches make a rebuild fast, too)")
    for part in missing:
        _build(part)


def _build(part: Part) -> None:
    if part.root and os.getuid():
        raise LocalError(f"only root can build {part.name}")
    target = part.folder()
    target.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(cache() / "locks" / part.name, f"another run to finish {part.name}"):
        if part.built():
            return
        for left in scratch().glob(f"{part.name}.*"):  # by a run that was killed
            shutil.rmtree(left)
        log = cache() / "logs" / f"{part.name}.log"
        log.unlink(missing_ok=True)
        with tempfile.TemporaryDirectory(dir=scratch(), prefix=f"{part.name}.") as folder:
            made = Path(folder, "made")
            made.mkdir()
            say(f"{part.name}: {part.what}")
            with step(f"{part.name} {part.version}") as current:
                part.recipe.make(made, log, current)
            made.rename(target)
        _prune(part)


def _prune(part: Part) -> None:
    """Drops other versions of the part that nobody has used for a month."""
    for folder in part.folder().parent.iterdir():
        if time.time() - folder.stat().st_mtime > _MONTH:
            shutil.rmtree(folder)


@contextmanager
def exclusive(path: Path, waiting_for: str) -> Iterator[None]:
    """Holds a lock file; it frees itself when the process ends, however it ends."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say(f"waiting for {waiting_for}")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def scratch() -> Path:
    """A folder for passing files, on the disk of the cache: the system's own may be small, or in memory."""
    folder = cache() / "scratch"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
