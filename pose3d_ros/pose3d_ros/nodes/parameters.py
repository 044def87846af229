"""The parameter table as ROS parameters: described, ranged, checked, tunable while the node runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter as RosParameter

from pose3d_ros.config.parameter_presets import preset_values
from pose3d_ros.config.parameter_table import Parameter, Settings, Value, name_errors
from pose3d_ros.config.settings import FORMER_NAMES
from pose3d_ros.errors import ConfigError

_OF_ROS = ("use_sim_time", "start_type_description_service", "qos_overrides.")
"""Parameters, and the prefix of parameters, that rclpy declares itself."""

_PRESET = "preset"

_S = TypeVar("_S", bound=Settings)

Values = Mapping[str, Value]
"""Parameter name → value."""


class NodeParameters:
    """A node's parameters.

    The node must be made with automatically_declare_parameters_from_overrides=True: that way what the user gave can
    be checked here, with a reason, instead of ending the process. A wrong value is kept as an error (`faults`) and
    the default takes its place until a right one is set. An unknown name is an error in `unknown`; `renamed` has the
    former names that were given, and the present ones.

    others: names of other nodes' parameters, which a node of the same process may be given, too, and passes over.
    frozen: whether only tunable parameters may change at the moment. accept: called with all values before a change
    holds; it may refuse it with a ConfigError.
    """

    def __init__(
        self,
        node: Node,
        table: Sequence[Parameter],
        frozen: Callable[[], bool],
        accept: Callable[[Values], None],
        others: Collection[str] = (),
    ) -> None:
        self._node = node
        self._table = {parameter.name: parameter for parameter in table}
        self._frozen = frozen
        self._accept = accept
        self.faults: dict[str, ConfigError] = {}
        declared = node.get_parameters_by_prefix("")
        raw = {name: parameter.value for name, parameter in declared.items() if not name.startswith(_OF_ROS)}
        self.renamed = {name: FORMER_NAMES[name] for name in raw if name in FORMER_NAMES}
        given = {self.renamed.get(name, name): value for name, value in raw.items()}
        self._given = {name for name in given if name in self._table}
        self._following = False
        self.unknown = name_errors([name for name in given if name not in others or name in self._table], self._table)
        for name in raw:
            node.undeclare_parameter(name)
        self._values: dict[str, Value] = {}
        for name in sorted(self._table, key=lambda name: name != _PRESET):  # which says what the others are
            self._values[name] = self._declare(name, given)
        node.add_on_set_parameters_callback(self._on_set)

    @property
    def values(self) -> dict[str, Value]:
        """Name → value of every parameter of the table."""
        return dict(self._values)

    def follow_preset(self) -> None:
        """Set what is not given to what the preset says: it may have changed since."""
        changed = [
            name for name in self._table if name not in self._given and self._values[name] != self._default(name)
        ]
        self._following = True
        try:
            self._node.set_parameters([RosParameter(name, value=self._default(name)) for name in changed])
        finally:
            self._following = False

    def _default(self, name: str) -> Value:
        """What a parameter is that is not given."""
        return preset_values(self._values.get(_PRESET, "full")).get(name, self._table[name].default)

    def _declare(self, name: str, given: Mapping[str, object]) -> Value:
        parameter = self._table[name]
        value = self._default(name)
        if name in given:
            try:
                value = parameter.check(given[name])
            except ConfigError as error:
                self.faults[name] = error
        self._node.declare_parameter(name, value, descriptor(parameter), ignore_override=True)
        return value

    def _on_set(self, changes: list[RosParameter[Any]]) -> SetParametersResult:
        ours = [change for change in changes if change.name in self._table]
        if not ours:  # rclpy's own, which it declares as it makes subscriptions
            return SetParametersResult(successful=True)
        fixed = [change.name for change in ours if not self._table[change.name].tunable]
        if fixed and self._frozen():
            command = f"ros2 lifecycle set {self._node.get_fully_qualified_name()}"
            reason = (
                f"{fixed[0]} is read at configuration: first `{command} deactivate` and `{command} cleanup`, "
                "then set it and configure again."
            )
            return SetParametersResult(successful=False, reason=reason)
        try:
            checked = {change.name: self._table[change.name].check(change.value) for change in ours}
            self._accept({**self._values, **checked})
        except ConfigError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self._values.update(checked)
        if not self._following:
            self._given.update(checked)
        for name in checked:
            self.faults.pop(name, None)
        return SetParametersResult(successful=True)


def tool_settings(node: Node, group: type[_S], others: Collection[str] = ()) -> _S:
    """The settings of a node that none may change while it runs. Raises ConfigError for a wrong parameter.

    others: see `NodeParameters`.
    """
    parameters = NodeParameters(node, tuple(group.parameters().values()), lambda: True, lambda _: None, others)
    for error in (*parameters.faults.values(), *parameters.unknown):
        raise error
    return group.from_values(parameters.values)


def descriptor(parameter: Parameter) -> ParameterDescriptor:
    """What `ros2 param describe` and rqt show of a parameter."""
    unit = f" [{parameter.unit}]" if parameter.unit else ""
    when = "" if parameter.tunable else " Takes effect when the node is configured."
    made = ParameterDescriptor(description=f"{parameter.description}{unit}{when}")
    if parameter.choices:
        made.additional_constraints = parameter.expected
    if parameter.limits:
        low, high = parameter.limits
        if parameter.type is int:
            made.integer_range = [IntegerRange(from_value=int(low), to_value=int(high), step=0)]
        else:
            made.floating_point_range = [FloatingPointRange(from_value=float(low), to_value=float(high), step=0.0)]
    return made
