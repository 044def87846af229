"""Checkpoints from outside: named when they are something else, and never larger than their file."""

from __future__ import annotations

import io
import os
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from pose3d_ros.errors import EngineError
from pose3d_training.nets.checkpoint_check import WrongCheckpoint, check_checkpoint
from pose3d_training.nets.checkpoint_file import read_state_dict


def saved(content: object, *, zipped: bool = True) -> bytes:
    """What torch writes."""
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def repacked(data: bytes, change: Callable[[zipfile.ZipInfo, bytes], bytes], kind: int = zipfile.ZIP_STORED) -> bytes:
    """The archive with its records changed."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(made, "w", kind) as target:
        for record in source.infolist():
            target.writestr(record.filename, change(record, source.read(record)))
    return made.getvalue()


def with_pickle(data: bytes) -> bytes:
    """An archive of torch's with another pickle."""
    weights = saved({"w": torch.ones(3)})
    return repacked(weights, lambda record, old: data if record.filename.endswith("data.pkl") else old)


class _Bytes:
    """Pickles as a call of bytearray with a number."""

    def __reduce__(self) -> tuple[type, tuple[int]]:
        return bytearray, (3 << 30,)


WEIGHTS = saved({"w": torch.arange(6.0)})
ZEROS = saved({"w": torch.zeros(1 << 20)})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"<!DOCTYPE html><html><head><title>Google Drive", "a web page, saved instead of the file.*browser"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer.*git lfs pull"),
        (b"404: Not Found", "a web server's error message"),
        (b"\x00" * 257 + b"ustar" + b"\0" * 300, "an archive.*Unpack it"),
        (b"\x08\x08\x12\x07pytorch", "a file of another kind"),
        (repacked(ZEROS, lambda _, old: old, zipfile.ZIP_DEFLATED), "compressed records, which torch does not write"),
        (WEIGHTS[:-60], "a damaged archive"),
        (with_pickle(pickle.dumps({"w": _Bytes()}, 2)), "names '(__builtin__|builtins).bytearray', which is no tensor"),
        (saved({"w": torch.ones(1).expand(1 << 33)}), "w without"),
        (saved({"w": torch.zeros(0, 1 << 40)}), "w without"),
        (
            saved({f"w{i}": torch.ones(1 << 8) for i in range(1)} | {"w": torch.ones(2).to_sparse()}),
            "got one that names",
        ),
        (saved(dict.fromkeys(map(str, range(3000)), torch.ones(1 << 12))), "bytes of tensors in"),
        (saved({"w": torch.arange(6.0)}, zipped=False)[:-20], "a damaged file"),
        (b"\x80\x02" + b"(" * 5000, "a damaged file"),
    ],
)
def test_what_is_no_checkpoint_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "net.pth.tar").write_bytes(content)
    with pytest.raises(EngineError, match=message) as caught:
        read_state_dict(tmp_path / "net.pth.tar")
    assert "weights_only" not in str(caught.value)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path, tmp_path / "missing"):
        with pytest.raises(EngineError, match="expected a readable file"):
            read_state_dict(path)


def test_records_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("net/data.pkl", pickle.dumps({}, 2))
        archive.writestr("net/data/0", bytes(1 << 12))
        first = archive.infolist()[-1]
        for number in range(1, 200):
            copy = zipfile.ZipInfo(first.filename)
            for field in ("CRC", "compress_size", "file_size", "header_offset"):
                setattr(copy, field, getattr(first, field))
            copy.filename = f"net/data/{number}"
            archive.filelist.append(copy)
    with pytest.raises(WrongCheckpoint, match="larger than the file"):
        check_checkpoint(made.getvalue(), ())


@pytest.mark.parametrize("zipped", [True, False])
def test_what_torch_writes_passes(tmp_path: Path, zipped: bool) -> None:
    shared = torch.ones(1 << 10)
    content = {
        "state_dict": {"a": shared, "b": shared.t(), "c": torch.ones(2, 3).half(), "d": torch.tensor(1)},
        "epoch": 3,
        "size": torch.Size([1, 2]),
        "type": torch.float32,
        "device": torch.device("cpu"),
        "parameter": torch.nn.Parameter(torch.ones(2)),
    }
    (tmp_path / "net.pth").write_bytes(saved(content, zipped=zipped))
    assert set(read_state_dict(tmp_path / "net.pth")) == set("abcd")
