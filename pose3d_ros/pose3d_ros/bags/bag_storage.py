"""The files of a bag that is being written: there at the end as a whole, or readable from the first second on."""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal

from rosbags.interfaces import Connection
from rosbags.rosbag2 import StoragePlugin, Writer

from pose3d_ros.bags.bag_files import SEAL
from pose3d_ros.errors import OutputError
from pose3d_ros.output_files import output_error

_BAG_VERSION: Literal[9] = 9


class BagStorage:
    """Writes one bag with rosbags; writer: to add connections to. Raises OutputError for what can't be written.

    live: write in place, so that what was flushed can be read whatever happens; else beside, and in place at the end.
    A bag that was there before is replaced at the first flush, or at the end.
    """

    def __init__(self, path: Path, *, live: bool) -> None:
        self._path, self._live = path, live
        self._count = self._saved = self._end = 0
        self._is_open = True
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._scratch = tempfile.TemporaryDirectory(dir=path.parent, prefix=".bag-")
            self._before = Path(self._scratch.name) / "before"
            self.writer = self._opened()
        except OSError as error:
            raise output_error(path, error) from error

    def write(self, connection: Connection, received_ns: int, data: bytes | memoryview) -> None:
        """Write a message. What was written before it is kept where it does not fit."""
        storage: Any = self.writer.storage
        chunks = len(storage.chunks)
        try:
            self.writer.write(connection, received_ns, data)
            self._count += 1
            if len(storage.chunks) > chunks:
                self._mark(storage)
        except OSError as error:
            raise self._cut(error) from error

    def flush(self) -> None:
        """Write what waits, so that it can be read from the file."""
        storage: Any = self.writer.storage
        try:
            if self._is_open and storage.chunk.msgs:
                storage.close_chunk()
                self._mark(storage)
                self._drop_before()
        except OSError as error:
            raise self._cut(error) from error

    def finish(self) -> None:
        """Close the bag, on the disk and in its place."""
        if not self._is_open:
            return
        self.flush()
        try:
            self.writer.close()
            self._is_open = False
            if not self._live:
                self._publish()
            for path in (self._data if self._live else self._path, self._path.parent):
                descriptor = os.open(path, os.O_RDONLY)
                os.fsync(descriptor)
                os.close(descriptor)
        except OSError as error:
            raise self._cut(error) from error
        self._scratch.cleanup()

    def abandon(self) -> None:
        """Leave what was there before."""
        self._is_open = False
        self.writer.abort()
        self._scratch.cleanup()

    def _opened(self) -> Writer:
        in_file = self._path.suffix == ".mcap"
        folder = Path(self._scratch.name) / self._path.stem
        self._data = self._path if in_file else self._path / f"{self._path.name}.mcap"
        if self._live:
            if os.path.lexists(self._path):
                self._path.replace(self._before)
            folder = folder if in_file else self._path
        self._written = folder / f"{folder.name}.mcap" if in_file else folder
        writer = Writer(folder, version=_BAG_VERSION, storage_plugin=StoragePlugin.MCAP)
        writer.open()
        if self._live:
            self._mark(writer.storage)
            if in_file:
                self._written.replace(self._path)
        return writer

    def _publish(self) -> None:
        if self._path.is_dir():
            shutil.rmtree(self._path)
        self._written.replace(self._path)

    def _mark(self, storage: Any) -> None:
        """All that was written until now is in the file, in whole records."""
        storage.bio.flush()
        self._saved, self._end = self._count, storage.bio.tell()

    def _drop_before(self) -> None:
        if self._before.is_dir() and not self._before.is_symlink():
            shutil.rmtree(self._before)
        else:
            self._before.unlink(missing_ok=True)

    def _cut(self, error: OSError) -> OutputError:
        """The error of a bag that ends here; of a live one its whole records stay, and the seal behind them."""
        self._is_open = False
        with suppress(OSError, ValueError):
            self.writer.abort()
        if self._live and not self._saved and os.path.lexists(self._before):
            with suppress(OSError):
                self._publish_before()
        elif self._live:
            with suppress(OSError):
                os.truncate(self._data, self._end)
                with self._data.open("ab") as file:
                    file.write(SEAL)
        self._scratch.cleanup()
        missing = f"It ends after {self._saved} of {self._count} messages." if self._live else ""
        return output_error(self._path, error, missing)

    def _publish_before(self) -> None:
        if self._path.is_dir():
            shutil.rmtree(self._path)
        self._before.replace(self._path)
