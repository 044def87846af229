"""The one reader of ONNX files: what comes out of it is a whole graph, and is all that a library sees of the file.

A graph may name files that hold its weights (external data), anywhere on the disk; no sha256 of the graph covers
those. Such a graph is refused, and `joined_graph` makes one file of it for those who import it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from pose3d_ros.engines.spec import wire_format as wire
from pose3d_ros.engines.spec.file_kinds import HEAD_BYTES, kind_of
from pose3d_ros.engines.spec.graph_check import MODEL, TENSOR, Parts, WrongGraph, check_graph
from pose3d_ros.errors import EngineError
from pose3d_ros.reading.files import Origin, read_bytes

MOST_BYTES = (1 << 31) - 1
"""Protocol Buffers' limit of a message."""
_AGAIN = "Export or download the file again."
_JOIN = "Save it as one file: onnx.save(onnx.load(F), G), or let `pose3d import` do it."
_TENSOR_DATA, _TENSOR_LOCATION, _TENSOR_RAW = 13, 14, 9


def read_graph(path: str | Path, sha256: str | None = None) -> bytes:
    """The content of an ONNX file, to be handed to a library as it is: the file may be another one a moment later.

    sha256: what it must have, if given. Raises EngineError for what is no regular file, is too large, has another
    sha256 or is no graph, for weights in other files, and for a graph that makes more out of its constants than fits
    into memory.
    """
    origin = _origin(path)
    content = _content(path, origin)
    if sha256 is not None and (found := hashlib.sha256(content).hexdigest()) != sha256:
        raise wrong_sha256(path, "", sha256, found)
    check_content(content, origin)
    return content


def check_content(content: bytes, origin: Origin) -> None:
    """Raise the origin's error unless these bytes are a whole graph; see `read_graph`."""
    try:
        external = check_graph(content)
    except (wire.DamagedMessage, RecursionError) as error:
        raise origin.error("an ONNX graph", "another file, or a damaged one") from error
    except WrongGraph as error:
        raise origin.error(error.expected, error.got) from error
    if external:
        expected = "a graph with its weights in it, all covered by its sha256"
        got = f"weights in {', '.join(sorted(set(external))[:3])}"
        raise EngineError(origin.subject, expected=expected, got=got, fix=_JOIN)


def graph_metadata(content: bytes) -> dict[str, str]:
    """What the exporter wrote beside the graph: key → value."""
    found = {}
    for pair in wire.messages(memoryview(content), 14):
        parts = {field.number: wire.text(field.value) for field in wire.fields(pair)}
        found[parts.get(1, "")] = parts.get(2, "")
    return found


def graph_tensors(content: bytes, side: str) -> dict[str, tuple[int | None, ...]]:
    """Shapes of a graph's `inputs` or `outputs` by name, None for a length that is not fixed; weights are left out."""
    found: dict[str, tuple[int | None, ...]] = {}
    for graph in wire.messages(memoryview(content), 7):
        weights = {_name(tensor, 8) for tensor in wire.messages(graph, 5)}
        for info in wire.messages(graph, 11 if side == "inputs" else 12):
            name = _name(info, 1)
            if name not in weights:
                kinds = (tensor for kind in wire.messages(info, 2) for tensor in wire.messages(kind, 1))
                dims = (dim for kind in kinds for shape in wire.messages(kind, 2) for dim in wire.messages(shape, 1))
                found[name] = tuple(next(iter(wire.integers(dim, 1)), None) for dim in dims)
    return found


def _name(message: memoryview, number: int) -> str:
    return next((wire.text(value) for value in wire.messages(message, number)), "")


def joined_graph(path: Path) -> bytes | None:
    """The graph of a file with the weights of the files beside it in it; None where it has its weights.

    Raises EngineError as `read_graph`, and for weights that do not lie in the file's folder, or are not all there.
    """
    origin = _origin(path)
    content = _content(path, origin)
    try:
        if not check_graph(content):
            return None
        joined = _joined(memoryview(content), MODEL, _Weights(path, origin))
    except (wire.DamagedMessage, RecursionError) as error:
        raise origin.error("an ONNX graph", "another file, or a damaged one") from error
    except WrongGraph as error:
        raise origin.error(error.expected, error.got) from error
    if len(joined) > MOST_BYTES:
        raise origin.error("a graph of up to 2 GiB with its weights", f"{len(joined) >> 20} MiB")
    check_content(joined, origin)
    return joined


class _Weights:
    """The files that a graph's weights lie in, each read once; all in its folder."""

    def __init__(self, graph: Path, origin: Origin) -> None:
        self._folder, self._origin = graph.parent, origin
        self._files: dict[str, bytes] = {}

    def of(self, tensor: memoryview) -> bytes:
        pairs = [{f.number: wire.text(f.value) for f in wire.fields(p)} for p in wire.messages(tensor, _TENSOR_DATA)]
        entry = {pair.get(1, ""): pair.get(2, "") for pair in pairs}
        data = self._file(entry.get("location", ""))
        offset, length = entry.get("offset", "0"), entry.get("length", "")
        try:
            start = int(offset[:20])
            end = start + int(length[:20]) if length else len(data)
        except ValueError:
            start, end = 0, -1
        if not 0 <= start <= end <= len(data):
            raise WrongGraph(f"{length or 'the'} bytes from byte {offset} on", f"a file of {len(data)} bytes")
        return data[start:end]

    def _file(self, location: str) -> bytes:
        if location not in self._files:
            path = self._folder / location
            plain = location.isprintable() and location and len(location) < 4096
            if not plain or not path.resolve().is_relative_to(self._folder.resolve()):
                raise WrongGraph(f"weights in files of {self._folder}", f"the place {location!r}")
            origin = Origin(EngineError, f"weights {path}", "Put the file beside the graph, as it was exported.")
            self._files[location] = read_bytes(path, origin, most_bytes=MOST_BYTES)
        return self._files[location]


def _joined(message: memoryview, parts: Parts, weights: _Weights) -> bytes:
    """The message with external weights put in. parts: field → what it holds, see `graph_check`."""
    return b"".join(_joined_fields(message, parts, weights))


def _joined_fields(message: memoryview, parts: Parts, weights: _Weights) -> Iterator[bytes]:
    done = 0
    for field in wire.fields(message):
        part = parts.below.get(field.number)
        if part is None or isinstance(field.value, int):
            continue
        yield bytes(message[done : field.start])
        done = field.end
        inner = _tensor(field.value, weights) if part is TENSOR else _joined(field.value, part, weights)
        yield wire.encoded(field.number, inner)
    yield bytes(message[done:])


def _tensor(message: memoryview, weights: _Weights) -> bytes:
    found = list(wire.fields(message))
    if not any(f.number == _TENSOR_DATA or (f.number == _TENSOR_LOCATION and f.value) for f in found):
        return bytes(message)
    dropped = (_TENSOR_DATA, _TENSOR_LOCATION, _TENSOR_RAW)
    kept = b"".join(bytes(message[f.start : f.end]) for f in found if f.number not in dropped)
    return kept + wire.encoded(_TENSOR_RAW, weights.of(message))


def _content(path: str | Path, origin: Origin) -> bytes:
    content = read_bytes(path, origin, most_bytes=MOST_BYTES, expected="an ONNX file")
    if kind := kind_of(content[:HEAD_BYTES]):
        raise EngineError(origin.subject, expected="an ONNX file", got=kind.what, fix=kind.fix)
    return content


def _origin(path: str | Path, name: str = "") -> Origin:
    return Origin(EngineError, f"model {name} ({path})" if name else f"model {path}", _AGAIN)


def wrong_sha256(path: str | Path, name: str, expected: str, found: str) -> EngineError:
    """The error about a file that is not the one of its manifest."""
    return EngineError(
        _origin(path, name).subject,
        expected=f"sha256 {expected}",
        got=found,
        fix="The file is damaged or another one: get it again, or export it anew; after a change on purpose, "
        "`pose3d import` writes its manifest.",
    )
