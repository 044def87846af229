"""A look at a checkpoint before torch reads it: what it names, and that it is no larger than its file."""

from __future__ import annotations

import io
import pickletools
import re
import struct
import warnings
import zipfile
from collections.abc import Iterator, Sequence

from pose3d_ros.engines.spec.file_kinds import HEAD_BYTES, kind_of

_LEGACY_PICKLES = 5
"""Magic number, protocol, system, content, keys of the storages, in files from before torch 1.6."""
_MOST_OPERATIONS = 5_000_000
_HARMLESS = re.compile(
    r"collections OrderedDict|torch Size|torch device|_codecs encode|builtins set|torch\.nn\.parameter Parameter"
    r"|torch(\.cuda)? [A-Z]\w*Storage|torch\.storage (Typed|Untyped)Storage"
    r"|torch\._utils _rebuild_(tensor|tensor_v2|parameter)|torch [a-z]+[0-9]*"
)
_UNREADABLE = (ValueError, EOFError, IndexError, KeyError, OverflowError, struct.error, MemoryError)


class WrongCheckpoint(Exception):
    """Its text says what came in place of a checkpoint. fix: what helps, empty where only the caller knows."""

    def __init__(self, got: str, fix: str = "") -> None:
        super().__init__(got)
        self.fix = fix


def check_checkpoint(content: bytes, stand_ins: Sequence[str]) -> None:
    """Raise WrongCheckpoint for a file of another kind, one that unpacks to more than it is, and one that names code.

    stand_ins: further names that are harmless, `module.name`. Of other files neither torch nor pickle reads a byte.
    """
    kind = kind_of(content[:HEAD_BYTES])
    if kind is not None and not kind.checkpoint and not content.startswith(b"PK\x03\x04"):
        raise WrongCheckpoint(kind.what, kind.fix if "Export" not in kind.fix else "")
    if content.startswith(b"PK\x03\x04"):
        _check_pickle(_packed_pickle(content), 1, stand_ins)
    elif content.startswith(b"\x80"):
        _check_pickle(content, _LEGACY_PICKLES, stand_ins)
    else:
        raise WrongCheckpoint("a file of another kind, or a damaged one")


def _packed_pickle(content: bytes) -> bytes:
    """Torch stores records as they are: together they can't be larger than the file."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            records = archive.infolist()
            if any(one.compress_type != zipfile.ZIP_STORED for one in records):
                raise WrongCheckpoint("compressed records, which torch does not write")
            if sum(one.file_size for one in records) > len(content):
                raise WrongCheckpoint("records that are larger than the file")
            names = [one.filename for one in records]
            if any(name.endswith("/constants.pkl") for name in names):
                raise WrongCheckpoint("a TorchScript model", "Save its state dict: torch.save(model.state_dict(), F).")
            pickles = [name for name in names if name.endswith("/data.pkl")]
            if len(pickles) != 1:
                raise WrongCheckpoint("an archive that torch did not write", "Unpack it, and give the file in it.")
            return archive.read(pickles[0])
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, OSError, *_UNREADABLE) as error:
        raise WrongCheckpoint("a damaged archive") from error


def _check_pickle(data: bytes, count: int, stand_ins: Sequence[str]) -> None:
    file = io.BytesIO(data)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of escapes in old texts
        names = list(_names(file, count))
    for name in names:
        if not _HARMLESS.fullmatch(name) and name.replace(" ", ".") not in stand_ins:
            raise WrongCheckpoint(f"one that names {name.replace(' ', '.')!r}, which is no tensor")


def _names(file: io.BytesIO, count: int) -> Iterator[str]:
    """The classes and functions that pickles name, `module name`. Raises WrongCheckpoint."""
    operations = 0
    for _ in range(count):
        try:
            for operation, argument, _at in pickletools.genops(file):
                operations += 1
                if operation.name == "GLOBAL":
                    yield str(argument)
                elif operation.name in ("STACK_GLOBAL", "INST", "OBJ", "EXT1", "EXT2", "EXT4") or (
                    operations > _MOST_OPERATIONS
                ):
                    raise WrongCheckpoint("a pickle that torch does not write")
        except _UNREADABLE as error:
            raise WrongCheckpoint("a damaged file") from error
