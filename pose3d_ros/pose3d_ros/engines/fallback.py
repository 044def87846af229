"""An engine that goes on with another backend when its own fails at opening or at any run, or has yet to be built."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping

from pose3d_ros.engines.base import Engine, NotBuiltError
from pose3d_ros.engines.images.frame_image import LoadImage
from pose3d_ros.engines.tensors import Feed, Tensor
from pose3d_ros.errors import EngineError

_log = logging.getLogger(__name__)

_CANCEL_S = 10.0
"""How long closing waits for a build to notice, a step of it; TensorRT 8 can't be stopped but with the process."""

Open = Callable[[], Engine]


class FallbackEngine(Engine):
    """The first of two engines that works.

    open_first, open_second: open the same network; the second only when the first can't be opened or a run of it
    failed. open_later: opens the first when it is not built yet, in minutes; meanwhile the second runs, and once the
    first is there, it takes over between two runs. cancel: asks open_later to give up. Each change is logged in one
    line; `status` and `problem` report the present state. Raises EngineError when neither opens.
    """

    def __init__(
        self,
        name: str,
        open_first: Open,
        open_second: Open,
        open_later: Open | None = None,
        cancel: Callable[[], None] | None = None,
    ) -> None:
        super().__init__(name, (), ())
        self._open_second, self._cancel = open_second, cancel
        self._problem = ""
        self._lock = threading.Lock()
        self._arrived: Engine | None = None
        self._abandoned = False
        self._build: threading.Thread | None = None
        try:
            self._use(open_first())
        except EngineError as error:
            self._use(open_second())
            if open_later is None or not isinstance(error, NotBuiltError):
                self._note(str(error))
            else:
                self._problem = f"{error} It is being built."
                _log.info("engine %s is being built; until then it runs on %s", name, self._engine.status)
                self._build = threading.Thread(target=self._open, args=(open_later,), name=f"build {name}", daemon=True)
                self._build.start()

    @property
    def status(self) -> str:
        """What runs it at the moment."""
        return self._engine.status

    @property
    def problem(self) -> str:
        """Why it does not run on what was chosen for it."""
        return self._problem or self._engine.problem

    @property
    def load_image(self) -> LoadImage | None:
        """Uploads a frame's image to where the engine that runs reads it."""
        return self._engine.load_image

    def infer(self, feeds: Mapping[str, Feed]) -> dict[str, Tensor]:
        """See Engine; checked once, against the engine that runs."""
        self._take_over()
        return super().infer(feeds)

    def _run(self, feeds: Mapping[str, Feed]) -> dict[str, Tensor]:
        if self._problem:
            return self._engine._run(feeds)
        try:
            return self._engine._run(feeds)
        except EngineError as error:
            failed = self._engine
            self._use(self._open_second())
            failed.close()
            self._note(str(error))
            return self._engine.infer(feeds)

    def _use(self, engine: Engine) -> None:
        """Run this one from now on, whose types may be another's: TensorRT 8 makes int32 of int64."""
        self._engine, self._reads_device = engine, engine._reads_device
        self._inputs, self._outputs = engine.inputs, engine.outputs

    def _release(self) -> None:
        with self._lock:
            self._abandoned = True
            arrived, self._arrived = self._arrived, None
        if self._cancel is not None:
            self._cancel()
        if self._build is not None:
            self._build.join(_CANCEL_S)
        if arrived is not None:
            arrived.close()
        self._engine.close()

    def _open(self, open_later: Open) -> None:
        """On a thread of its own."""
        try:
            engine = open_later()
        except Exception as error:  # nothing else would report what ends this thread
            if not self._abandoned:
                self._note(str(error) or type(error).__name__)
            return
        with self._lock:
            if not self._abandoned:
                self._arrived = engine
                return
        engine.close()

    def _take_over(self) -> None:
        """Use what a build in the background has made."""
        with self._lock:
            arrived, self._arrived = self._arrived, None
        if arrived is not None:
            self._engine.close()
            self._use(arrived)
            self._problem = ""
            _log.info("engine %s runs on %s from now on", self.name, arrived.status)

    def _note(self, problem: str) -> None:
        self._problem = problem
        _log.warning("engine %s runs on %s: %s", self.name, self._engine.status, problem)
