"""The documentation names only what exists: files, commands, options, arguments, topics, parameters, fields."""

from __future__ import annotations

import argparse
import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import pytest

from pose3d_ros.cli.import_command import PARAMETERS as IMPORT_PARAMETERS
from pose3d_ros.cli.main import COMMANDS, build_parser
from pose3d_ros.config.settings import PARAMETERS
from pose3d_ros.evaluation.recording.summary import Accuracy, Completeness, Speed, Steadiness, Summary
from pose3d_ros.evaluation.rendered.held_out_summary import BoxNumbers, PeopleNumbers
from pose3d_ros.stages.detect.detector_decoders import DETECTOR_DECODERS
from pose3d_ros.stages.lift.lift_decoders import LIFT_DECODERS
from pose3d_ros.stages.pose.pose_decoders import POSE_DECODERS, ROOT_DECODERS

PACKAGE = Path(__file__).resolve().parents[2] / "pose3d_ros"
ROOT = PACKAGE.parent
SOURCE = PACKAGE / "pose3d_ros"
MESSAGES = ROOT / "pose3d_msgs" / "msg"
PAGES = sorted(
    [
        *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
        *(ROOT / "docs").glob("*.md"),
        PACKAGE / "engines" / "README.md",
        PACKAGE / "samples" / "README.md",
    ]
)
BASES = (ROOT, PACKAGE, SOURCE)
MADE_BY_RUNNING = ("out/", "build/")

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
_PATH = re.compile(r"(?<![\w./:$})~-])[\w.-]+(?:/[\w.*-]+)+/?")
_COMMAND = re.compile(r"(?:^|[\s`;&(])pose3d ([a-z]+)([^`\n]*)")
_SCRIPT = re.compile(r"python(?:3)? (?:-m (pose3d_ros[\w.]+)|((?:tools|benchmarks)/\w+\.py))([^`\n]*)")
_OPTION = re.compile(r"(?<!\S)(--[a-z][\w-]*)")
_ASSIGNED = re.compile(r"(?<![\w/])(_*[a-z]\w*(?:\.\w+)*):=")


def ids(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def blocks(text: str) -> Iterator[str]:
    """The code blocks of a page, fenced and indented, a line that ends in a backslash joined with the next."""
    fenced = re.findall(r"^```\w*\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    indented = re.findall(r"(?:^ {4,}\S.*\n(?:\s*\n(?= {4}))?)+", text, flags=re.MULTILINE)
    for block in (*fenced, *indented):
        yield block.replace("\\\n", " ")


def code(page: Path) -> list[str]:
    """Every line of code and every code span of a page."""
    text = page.read_text(encoding="utf-8")
    lines = [line.split("  #")[0].strip() for block in blocks(text) for line in block.splitlines()]
    return [line for line in lines if line] + _SPAN.findall(text)


@dataclass(frozen=True)
class Row:
    """A row of a table: the code spans in its first cell. header: the first cell of the table's head."""

    header: str
    names: tuple[str, ...]


def rows(page: Path) -> list[Row]:
    found: list[Row] = []
    header = ""
    for line in page.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] if line.startswith("|") else []
        if not cells:
            header = ""
        elif not header:
            header = cells[0].strip("`") or "-"
        elif not set(cells[0]) <= set("-: "):
            found.append(Row(header, tuple(_SPAN.findall(cells[0]))))
    return found


def named(header: str) -> dict[str, set[str]]:
    """Page → the names in the first column of its tables with that head."""
    return {ids(p): {name for row in rows(p) if row.header == header for name in row.names} for p in PAGES}


def constants(path: Path) -> set[str]:
    """The texts in a Python file, with those of f-strings that end in a placeholder expanded by `_smoothed`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
        if isinstance(node, ast.JoinedStr) and len(node.values) == 2:
            start = node.values[0]
            if isinstance(start, ast.Constant) and isinstance(start.value, str):
                found |= {start.value, f"{start.value}_smoothed"}
    return found


def settings(path: Path) -> set[str]:
    """The fields of a file that are made by `setting(...)`: the parameters of a tool's node."""
    return {
        node.target.id
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.AnnAssign)
        and isinstance(node.target, ast.Name)
        and isinstance(node.value, ast.Call)
        and getattr(node.value.func, "id", "") == "setting"
    }


def message_fields() -> dict[str, set[str]]:
    """Message → its fields and constants."""
    pattern = re.compile(r"^\s*[\w/]+(?:\[\d*\])? +(\w+)", flags=re.MULTILINE)
    return {path.stem: set(pattern.findall(path.read_text(encoding="utf-8"))) for path in MESSAGES.glob("*.msg")}


TOOL_PARAMETERS = settings(SOURCE / "nodes/bag_player.py") | settings(SOURCE / "nodes/recorder.py")
LAUNCH_ARGUMENTS = {path.name: constants(path) for path in (PACKAGE / "launch").glob("*.launch.py")}
NODE_NAMES = {name for path in (SOURCE / "nodes").glob("*.py") for name in constants(path)}
SUMMARY_FIELDS = {field.name for group in (Speed, Completeness, Accuracy, Steadiness) for field in fields(group)} | {
    field.name for field in fields(Summary) if field.type == "str"
}


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_links_lead_somewhere(page: Path) -> None:
    broken = []
    for link in _LINK.findall(page.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_named_files_exist(page: Path) -> None:
    tops = {path.name for base in BASES for path in base.iterdir()}
    named_paths = {path for text in code(page) for path in _PATH.findall(text) if path.split("/")[0] in tops}
    missing = [path for path in sorted(named_paths) if not path.startswith(MADE_BY_RUNNING) and not is_there(path)]
    assert missing == []


def is_there(path: str) -> bool:
    """Whether it is a file or folder of the repository, or a message (`pose3d_msgs/Person3D`)."""
    if path.startswith("pose3d_msgs/") and (MESSAGES / f"{Path(path).name}.msg").exists():
        return True
    return any((base / path).exists() for base in BASES)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_commands_and_options_exist(page: Path) -> None:
    wrong = []
    for text in code(page):
        for command, rest in _COMMAND.findall(text):
            known = options_of(command) if command in COMMANDS else None
            wrong += [f"pose3d {command}"] if known is None else sorted(set(_OPTION.findall(rest)) - known)
        for module, script, rest in _SCRIPT.findall(text):
            path = ROOT / script if script else PACKAGE / (module.replace(".", "/") + ".py")
            if not path.is_file():
                wrong.append(module or script)
            else:
                wrong += sorted(set(_OPTION.findall(rest)) - constants(path))
        wrong += [f"make {target}" for target in re.findall(r"(?:^|&& )make ([a-z-]+)", text) if target not in TARGETS]
    assert wrong == []


TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), flags=re.MULTILINE))


def options_of(command: str) -> set[str]:
    """The options of a command of `pose3d`, and of its parts if it has some."""
    return {option for parser in parts_of(build_parser(command), command) for option in parser._option_string_actions}


def parts_of(parser: argparse.ArgumentParser, name: str = "") -> Iterator[argparse.ArgumentParser]:
    """The parsers below one, with those below them; only those of a name, if one is given."""
    for group in (a for a in parser._actions if isinstance(a, argparse._SubParsersAction)):
        for part in (group.choices[name],) if name else group.choices.values():
            yield part
            yield from parts_of(part)


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_arguments_of_launch_files_and_nodes_exist(page: Path) -> None:
    wrong = []
    for text in code(page):
        names = {name for name in _ASSIGNED.findall(text) if not name.startswith("__")}
        launched = re.findall(r"[\w.]+\.launch\.py", text)
        known = set(PARAMETERS) | TOOL_PARAMETERS | NODE_NAMES
        if launched:
            known = LAUNCH_ARGUMENTS.get(launched[0], set())
        elif "--ros-args" not in text:
            known |= LAUNCH_ARGUMENTS["pose3d.launch.py"]
        wrong += [f"{launched[0] if launched else text}: {name}" for name in sorted(names - known)]
    assert wrong == []


def test_launch_arguments_are_those_of_the_launch_file() -> None:
    wrong = {page: names - LAUNCH_ARGUMENTS["pose3d.launch.py"] for page, names in named("launch argument").items()}
    assert not any(wrong.values()), wrong
    declared = re.findall(r'^    \("(\w+)", ', (PACKAGE / "launch/pose3d.launch.py").read_text(), flags=re.MULTILINE)
    assert set(declared) - named("launch argument")["docs/ros.md"] == set()


def test_topics_and_services_are_those_of_the_nodes() -> None:
    for header in ("topic", "service"):
        for page, names in named(header).items():
            if page != "pose3d_ros/samples/README.md":  # the topics of a recording
                assert {name.removesuffix("/compressed") for name in names} - NODE_NAMES == set(), page
    topics = named("topic")["docs/messages.md"]
    for path in (SOURCE / "nodes" / f"{name}.py" for name in ("output", "pose_work")):
        made = re.findall(r'create_publisher\(\s*\w+,\s*f?"(\w+)', path.read_text(encoding="utf-8"))
        assert made
        assert set(made) - topics == set()


def test_parameters_are_those_of_the_table() -> None:
    for name, names in named("parameter").items():
        assert names - set(PARAMETERS) - TOOL_PARAMETERS == set(), name
    groups = {name.split(".")[0] for name in PARAMETERS if "." in name}
    pattern = re.compile(rf"\b((?:{'|'.join(sorted(groups))})\.[a-z]\w*)\b")
    for page in PAGES:
        mentioned = {name for text in code(page) for name in pattern.findall(text)}
        files = {f"{group}.{ending}" for group in groups for ending in ("py", "yaml", "onnx")}
        assert mentioned - set(PARAMETERS) - files == set(), page


def test_message_fields_are_those_of_the_messages() -> None:
    known = message_fields()
    documented = named("message field")["docs/messages.md"]
    everything = {name for names in known.values() for name in names}
    assert documented - everything == set()
    states = {"NEW", "TRACKED", "PREDICTED", "LOST"}
    assert everything - documented == states


def test_every_number_of_the_summary_is_defined_and_no_other() -> None:
    assert named("field")["docs/evaluation.md"] == SUMMARY_FIELDS


def test_every_number_of_the_held_out_set_is_defined_and_no_other() -> None:
    groups = (PeopleNumbers, BoxNumbers)
    numbers = {field.name for group in groups for field in fields(group)} | {
        "groups",
        "calibration",
        "scenes",
        "pictures",
    }
    about = {"seed", "model", "backend", "skeleton", "oracle_boxes"}
    thresholds = {"detector.score_threshold", "pose.joint_score_threshold"}
    assert named("number")["docs/evaluation.md"] == numbers | about | thresholds


def test_decoders_are_those_of_the_stages() -> None:
    known = {*POSE_DECODERS, *ROOT_DECODERS, *DETECTOR_DECODERS}
    for name in ("detect", "smooth"):
        known |= constants(SOURCE / "stages" / f"{name}.py")
    assert named("decoder")["pose3d_ros/engines/README.md"] - known == set()
    for page in ("pose3d_ros/engines/README.md", "docs/models_poses.md"):
        assert named("lifter decoder")[page] == set(LIFT_DECODERS)


def test_parameters_of_imported_networks_are_those_of_the_tables() -> None:
    tables = named("manifest parameter")
    assert tables["docs/models.md"] == set(IMPORT_PARAMETERS["detector"])
    assert tables["docs/models_poses.md"] == set(IMPORT_PARAMETERS["pose"])


@pytest.mark.parametrize("page", PAGES, ids=ids)
def test_no_placeholder_is_left(page: Path) -> None:
    assert re.findall(r"FIGURE_\w+", page.read_text(encoding="utf-8")) == []
