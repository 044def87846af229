"""The ONNX parser: it answers False and holds an error, it never raises for a bad graph."""

from __future__ import annotations

from typing import ClassVar

from .api import Api
from .basics import ILogger, require
from .graph import GraphError, read_graph
from .misuse import Answering, Checked, MisuseError
from .network import INetworkDefinition

_BUFFERS = (bytes, bytearray, memoryview)


class ParserError:
    """Why the parser failed."""

    __slots__ = ("_error",)

    def __init__(self, error: GraphError) -> None:
        self._error = error

    def desc(self) -> str:
        return str(self._error)


class OnnxParser(Answering):
    """Fills a network from an ONNX graph."""

    __slots__ = ("_errors", "_logger", "_network")
    _api: ClassVar[Api]

    def __init__(self, network: INetworkDefinition, logger: ILogger) -> None:
        require("OnnxParser", network, INetworkDefinition)
        require("OnnxParser", logger, ILogger)
        super().__init__()
        self._network = network
        self._logger = logger
        self._errors: list[GraphError] = []

    @property
    def num_errors(self) -> int:
        return len(self._errors)

    def get_error(self, index: int) -> ParserError:
        """The error of this number. Raises MisuseError for a number that none has."""
        if not 0 <= index < len(self._errors):
            raise MisuseError("OnnxParser.get_error", f"error {index} of {len(self._errors)}")
        return ParserError(self._errors[index])

    def parse(self, model: bytes | bytearray | memoryview, path: str | None = None) -> Checked:
        """Parse these bytes. path: where external weights lie. Raises TypeError for what is no buffer."""
        self._enter()
        require("parse", model, _BUFFERS)
        require("parse", path, (str, type(None)))
        return self._answer("OnnxParser.parse", self._parsed(bytes(model)))

    def _parsed(self, data: bytes) -> bool:
        try:
            if self._api.knobs.parse_fails:
                raise GraphError("INTERNAL_ERROR", "a knob makes the parser fail")
            if not self._network._explicit_batch:
                raise GraphError("INVALID_VALUE", "the network must have an explicit batch dimension")
            graph = read_graph(data, self._api.release)
        except GraphError as error:
            self._fail(error)
            return False
        if graph.narrowed:
            self._api.log(self._logger, "WARNING", "TensorRT does not natively support INT64. Casting down to INT32.")
        self._network._fill(graph)
        return True

    def _fail(self, error: GraphError) -> None:
        self._errors.append(error)
        self._api.log(self._logger, "ERROR", f"{error.code}: {error}")
