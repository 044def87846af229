"""The smoothing method that the parameter `smoother.method` names, or that suits people's skeleton."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from pose3d_ros.config.settings import SmootherConfig
from pose3d_ros.errors import ConfigError
from pose3d_ros.geometry.camera import Camera
from pose3d_ros.geometry.ground_plane import GroundPlane
from pose3d_ros.records import Person
from pose3d_ros.skeletons import Skeleton
from pose3d_ros.stages.smooth import one_euro, savitzky_golay
from pose3d_ros.stages.smooth.filter_smoother import FilterSmoother
from pose3d_ros.stages.smooth.kinematic import KinematicSmoother
from pose3d_ros.stages.smooth.lookahead import Lookahead, TimedPeople
from pose3d_ros.stages.smooth.one_euro import OneEuroFilter
from pose3d_ros.stages.smooth.person_smoother import PersonSmoother
from pose3d_ros.stages.smooth.savitzky_golay import SavitzkyGolayFilter
from pose3d_ros.stages.smooth.smoother import Smoother

NET = "temporal_conv"
_NONE, _AUTO, _WITHOUT_NET = "none", "auto", "kinematic"


def _one_euro() -> PersonSmoother:
    made = partial(OneEuroFilter, one_euro.TUNED)
    return FilterSmoother(made, made)


def _savitzky_golay() -> PersonSmoother:
    made = partial(SavitzkyGolayFilter, savitzky_golay.TUNED)
    made()  # tells a missing SciPy now and not at the first frame
    return FilterSmoother(made, made)


_MAKERS: dict[str, Callable[[], PersonSmoother]] = {
    "kinematic": KinematicSmoother,
    "one_euro": _one_euro,
    "savitzky_golay": _savitzky_golay,
}


class ChosenSmoother:
    """A `PersonSmoother` that hands people to the chosen one.

    net: the temporal net of the engines, None where they have none. `auto` takes it for people whose skeleton it
    knows, else `kinematic`. Setting `config` raises ConfigError for a method that is not there, and changes nothing
    then; another method, or lookahead, starts everyone afresh. With `lookahead_frames` the people that `update` gives
    are those of an earlier frame, see `stamp_ns`.
    """

    def __init__(self, net: Smoother | None, config: SmootherConfig | None = None) -> None:
        self._net = net
        self._made: dict[str, PersonSmoother] = {} if net is None else {NET: net}
        self._knows: dict[str, bool] = {}
        self._lookahead = Lookahead()
        self._stamp_ns: int | None = None
        self._config = SmootherConfig()
        self.config = config or self._config

    @property
    def config(self) -> SmootherConfig:
        """The settings."""
        return self._config

    @config.setter
    def config(self, config: SmootherConfig) -> None:
        self._check(config.method)
        if (config.method, config.lookahead_frames) != (self._config.method, self._config.lookahead_frames):
            self.reset()
        self._config = config
        for method in self._made.values():
            method.config = config

    @property
    def skeleton(self) -> Skeleton | None:
        """The skeleton of the net, None without one."""
        return None if self._net is None else self._net.skeleton

    @property
    def delay_frames(self) -> int:
        """See `PersonSmoother`; that of the method for the net's skeleton, and the lookahead."""
        method = self._method(self.method_for(self.skeleton))
        return self.lookahead_frames + (0 if method is None else method.delay_frames)

    @property
    def lookahead_frames(self) -> int:
        """How many frames `update` waits for: none where people are not smoothed."""
        return 0 if self._config.method == _NONE else self._config.lookahead_frames

    @property
    def stamp_ns(self) -> int | None:
        """Of the frame whose people `update` gave last: an earlier one with lookahead, None while it waits."""
        return self._stamp_ns

    def method_for(self, people: Skeleton | None) -> str:
        """Which method smooths people of a skeleton (None: of the net's): one of `smoother.method`, but not auto."""
        if self._config.method != _AUTO:
            return self._config.method
        if self._net is None:
            return _WITHOUT_NET
        people = people or self._net.skeleton
        if people.name not in self._knows:
            self._knows[people.name] = self._net.why_unsmoothed(people) is None
        return NET if self._knows[people.name] else _WITHOUT_NET

    def model_for(self, people: Skeleton | None) -> str:
        """What smooths people of that skeleton, as results name it: the net's name, a method's, "" for none."""
        name = self.method_for(people)
        if name == NET and self._net is not None:
            return self._net.name
        return "" if name == _NONE else name

    def why_unsmoothed(self, people: Skeleton) -> str | None:
        """See `PersonSmoother`."""
        method = self._method(self.method_for(people))
        return None if method is None else method.why_unsmoothed(people)

    def reset(self) -> None:
        """See `PersonSmoother`."""
        for method in self._made.values():
            method.reset()
        self._lookahead.reset()

    def update(
        self,
        people: Sequence[Person],
        stamp_ns: int,
        camera: Camera | None = None,
        ground: GroundPlane | None = None,
    ) -> tuple[Person, ...]:
        """See `PersonSmoother`. With lookahead: the people of the frame of `stamp_ns`, none while it waits."""
        newest = TimedPeople(stamp_ns, self._smoothed(people, stamp_ns, camera, ground), camera)
        waits = self.lookahead_frames
        ready = self._lookahead(newest, waits, self._config.max_gap_s) if waits else newest
        self._stamp_ns = None if ready is None else ready.stamp_ns
        return () if ready is None else ready.people

    def _smoothed(
        self, people: Sequence[Person], stamp_ns: int, camera: Camera | None, ground: GroundPlane | None
    ) -> tuple[Person, ...]:
        """The people of a frame, each by its method."""
        names = [self.method_for(person.pose.skeleton) for person in people]
        smoothed = list(people)
        for name in set(names):
            method, mine = self._method(name), [i for i, other in enumerate(names) if other == name]
            if method is not None:
                found = method.update([people[i] for i in mine], stamp_ns, camera, ground)
                for i, person in zip(mine, found, strict=True):
                    smoothed[i] = person
        return tuple(smoothed)

    def _method(self, name: str) -> PersonSmoother | None:
        if name in _MAKERS and name not in self._made:
            self._made[name] = _MAKERS[name]()
            self._made[name].config = self._config
        return self._made.get(name)

    def _check(self, name: str) -> None:
        """Raises ConfigError for a method that can't be used here."""
        if name == NET and self._net is None:
            raise ConfigError(
                "parameter smoother.method",
                expected="engines with a model of the role smoother",
                got="none among those of this folder",
                fix="Choose other engines, or another method: auto takes one that needs no model.",
            )
        self._method(_WITHOUT_NET if name == _AUTO else name)
