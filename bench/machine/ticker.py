"""Something done at intervals beside a run, by a thread that waits on an event."""

import threading
from collections.abc import Callable


class Ticker:
    """Calls `act` every `interval_seconds` from `start()` to `stop()`, from a daemon thread. Serves once.

    `wait` sleeps for the seconds given or until the stop, and says whether it is time to stop; tests pass
    one of their own.
    """

    def __init__(
        self,
        name: str,
        act: Callable[[], None],
        interval_seconds: float,
        wait: Callable[[float], bool] | None = None,
    ) -> None:
        self._act = act
        self._interval = interval_seconds
        self._stopping = threading.Event()
        self._wait = self._stopping.wait if wait is None else wait
        self._problem: Exception | None = None
        self._thread = threading.Thread(target=self._tick, name=name, daemon=True)

    def start(self) -> None:
        """Begin to wait for the first interval to pass."""
        self._thread.start()

    def stop(self) -> None:
        """End; `act` is not running when this returns. Raises what `act` raised, which ended the calls."""
        self._stopping.set()
        self._thread.join()
        if self._problem is not None:
            raise self._problem

    def _tick(self) -> None:
        try:
            while not self._wait(self._interval):
                self._act()
        except Exception as problem:
            self._problem = problem
