"""The versions of a model that a server has loaded: found by polling, swapped without a gap.

As TensorFlow Serving does it: every child folder whose name is a number is a version, whole or
not; the newest is served unless the policy says otherwise; a new one is loaded before the old one
is unloaded, which waits for the calls that use it; a version that can't be loaded changes nothing.
One difference: TensorFlow Serving tries such a version again five times, a minute apart; here it
is tried again when its folder has gone and come back.
"""

import contextlib
import dataclasses
import pathlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from ibgan_tf.serving.status import StatusError

ALL = "all"  # of the versions in the folder


class Session(Protocol):
    """A loaded version: `runtime.SavedModelSession`."""

    signatures: Mapping[str, Any]

    def run(self, signature: str, inputs: Mapping[str, Any]) -> dict[str, Any]: ...

    def close(self) -> None: ...


@dataclasses.dataclass
class _Loaded:
    """A version in memory, and how many calls are using it."""

    session: Session
    calls: int = 0
    retired: bool = False


class Versions:
    """The versions of one model.

    Args:
        base_dir: the folder that holds the version folders.
        load: takes a version's folder, returns it loaded, or raises what is wrong with it.
        only: the versions to serve, or "all"; None for the newest alone.
        labels: label -> version.
        poll_seconds: how often the folder is looked at.
    """

    def __init__(
        self,
        base_dir: pathlib.Path,
        *,
        load: Callable[[pathlib.Path], Session],
        only: Sequence[int] | str | None = None,
        labels: Mapping[str, int] | None = None,
        poll_seconds: float = 1.0,
    ):
        self._base_dir = base_dir
        self._load = load
        self._only = only if only in (None, ALL) else frozenset(only)
        self._labels = dict(labels or {})
        self._poll_seconds = poll_seconds
        self._loaded: dict[int, _Loaded] = {}
        self._failed: dict[int, str] = {}
        self._lock = threading.Lock()  # of the two tables, held for moments only
        self._polling = threading.Lock()  # one poll at a time, which may take seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._poll_until_stopped, daemon=True)
        self.loads = 0

    def start(self) -> None:
        """Loads what is there, then looks for changes until `stop`."""
        self.poll()
        self._thread.start()

    def stop(self) -> None:
        """Ends the polling and frees every version that no call is using."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        with self._lock:
            closing = [self._retire(version) for version in list(self._loaded)]
        _close(closing)

    def poll(self) -> None:
        """Brings what is loaded in line with what is in the folder."""
        with self._polling:
            wanted = self._wanted()
            with self._lock:
                self._failed = {v: told for v, told in self._failed.items() if v in wanted}
                missing = [v for v in wanted if v not in self._loaded and v not in self._failed]
            for version in missing:
                self._add(version)
            with self._lock:
                # The old version stays until the new one is there.
                ready = any(version in self._loaded for version in wanted)
                old = [v for v in self._loaded if v not in wanted] if ready or not wanted else []
                closing = [self._retire(version) for version in old]
            _close(closing)

    @contextlib.contextmanager
    def leased(
        self, model: str, *, version: int | None = None, label: str | None = None
    ) -> Iterator[tuple[int, Session]]:
        """Yields a version and its session, which stays loaded for as long as the block lasts.

        Args:
            model: the model's name, for the error.
            version: its number, or None for the newest.
            label: its label, instead of its number.

        Raises:
            StatusError: NOT_FOUND, as TensorFlow Serving says it, or INVALID_ARGUMENT for an
                unknown label.
        """
        with self._lock:
            number = self._choose(model, version, label)
            loaded = self._loaded[number]
            loaded.calls += 1
        try:
            yield number, loaded.session
        finally:
            with self._lock:
                loaded.calls -= 1
                finished = loaded.retired and not loaded.calls
            if finished:
                loaded.session.close()

    def states(self) -> dict[int, tuple[str, str]]:
        """Returns the state of each version and what is wrong with it: {2: ("AVAILABLE", "")}."""
        with self._lock:
            available = {version: ("AVAILABLE", "") for version in self._loaded}
            failed = {version: ("END", told) for version, told in self._failed.items()}
        return dict(sorted((available | failed).items()))

    def _choose(self, model: str, version: int | None, label: str | None) -> int:
        if label is not None:
            if label not in self._labels:
                raise StatusError(
                    "INVALID_ARGUMENT", f"Unrecognized servable version label: {label}"
                )
            version = self._labels[label]
        if version is None and self._loaded:
            return max(self._loaded)
        if version not in self._loaded:
            wanted = "Latest" if version is None else "Specific"
            which = model if version is None else f"{model}, {version}"
            raise StatusError("NOT_FOUND", f"Servable not found for request: {wanted}({which})")
        return version

    def _wanted(self) -> list[int]:
        """Returns the versions that should be served, newest first."""
        try:
            children = [path for path in self._base_dir.iterdir() if path.is_dir()]
        except OSError:
            with self._lock:
                return sorted(self._loaded, reverse=True)  # the folder may come back
        found = sorted(
            {int(p.name) for p in children if p.name.isascii() and p.name.isdecimal()}, reverse=True
        )
        if self._only == ALL:
            return found
        if self._only is not None:
            return [version for version in found if version in self._only]
        return found[:1]

    def _add(self, version: int) -> None:
        try:
            session = self._load(_folder(self._base_dir, version))
        except (OSError, ValueError) as error:
            with self._lock:
                self._failed[version] = " ".join(str(error).split())
            return
        with self._lock:
            self._loaded[version] = _Loaded(session)
            self.loads += 1

    def _retire(self, version: int) -> Session | None:
        """Takes a version out of service; returns its session if no call is using it."""
        loaded = self._loaded.pop(version)
        loaded.retired = True
        return None if loaded.calls else loaded.session

    def _poll_until_stopped(self) -> None:
        while not self._stop.wait(self._poll_seconds):
            self.poll()


def _close(sessions: Sequence[Session | None]) -> None:
    for session in sessions:
        if session is not None:
            session.close()


def _folder(base_dir: pathlib.Path, version: int) -> pathlib.Path:
    """Returns a version's folder, whose name may have leading zeros."""
    names = (path.name for path in base_dir.iterdir())
    numbers = {int(name): name for name in names if name.isascii() and name.isdecimal()}
    return base_dir / numbers.get(version, str(version))
