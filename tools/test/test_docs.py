"""The documentation names only what exists: files, commands, options, arguments, topics, parameters, fields."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from docs_check.pages import PACKAGE, PAGES, ROOT, anchors, code, links, named, page_name
from docs_check.source_names import (
    DRIVERS,
    LAUNCH_ARGUMENTS,
    MAKE_TARGETS,
    MESSAGES,
    NODE_NAMES,
    SOURCE,
    STANDARD_OUTPUTS,
    TOOL_PARAMETERS,
    constants,
    message_fields,
    options_of,
)
from pose3d_ros.cli.extensions import TRAINING_COMMANDS
from pose3d_ros.cli.import_command import PARAMETERS as IMPORT_PARAMETERS
from pose3d_ros.cli.main import COMMANDS
from pose3d_ros.config.settings import PARAMETERS
from pose3d_ros.engines import load_manifest
from pose3d_ros.evaluation.datasets.dataset_formats import FORMATS
from pose3d_ros.evaluation.protocols.protocol_run import BAG
from pose3d_ros.evaluation.protocols.protocol_table import PROTOCOLS
from pose3d_ros.evaluation.recording.summary import Accuracy, Completeness, Smoothness, Speed, Summary
from pose3d_ros.evaluation.rendered.held_out_summary import DetectionMetrics, PeopleMetrics
from pose3d_ros.stages.detect.detector_decoders import DETECTOR_DECODERS
from pose3d_ros.stages.lift.lift_decoders import LIFT_DECODERS
from pose3d_ros.stages.pose.pose_decoders import POSE_DECODERS, ROOT_DECODERS

BASES = (ROOT, PACKAGE, SOURCE)
MADE_BY_RUNNING = ("out/", "build/", "install/")
ALL_TOOL_PARAMETERS = set().union(*TOOL_PARAMETERS.values())
SUMMARY_FIELDS = {field.name for group in (Speed, Completeness, Accuracy, Smoothness) for field in fields(group)} | {
    *(field.name for field in fields(Summary) if field.type == "str"),
    "groups",
}

_PATH = re.compile(r"(?<![\w./:$})~-])[\w.-]+(?:/[\w.*@-]+)+/?")
_COMMAND = re.compile(r"(?:^|[\s`;&(])pose3d ([a-z]+)([^`\n]*)")
_SCRIPT = re.compile(r"python(?:3)? (?:-m (pose3d_[\w.]+)|((?:tools|benchmarks|examples)/\w+\.py))([^`\n]*)")
_OPTION = re.compile(r"(?<!\S)(--[a-z][\w-]*)")
_ASSIGNED = re.compile(r"(?<![\w/])(_*[a-z]\w*(?:\.\w+)*):=")


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_link_targets_exist(page: Path) -> None:
    broken = []
    for link in links(page):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path) if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=page_name)
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


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_commands_and_options_exist(page: Path) -> None:
    wrong = []
    for text in code(page):
        for command, rest in _COMMAND.findall(text):
            known = options_of(command) if command in {*COMMANDS, *TRAINING_COMMANDS} else None
            wrong += [f"pose3d {command}"] if known is None else sorted(set(_OPTION.findall(rest)) - known)
        for module, script, rest in _SCRIPT.findall(text):
            path = ROOT / (script or f"{module.split('.')[0]}/{module.replace('.', '/')}.py")
            if not path.is_file():
                wrong.append(module or script)
            else:
                wrong += sorted(set(_OPTION.findall(rest)) - constants(path))
        wrong += [
            f"make {target}" for target in re.findall(r"(?:^|&& )make ([a-z-]+)", text) if target not in MAKE_TARGETS
        ]
    assert wrong == []


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_arguments_of_launch_files_and_nodes_exist(page: Path) -> None:
    wrong = []
    for text in code(page):
        text = "\n".join(line for line in text.splitlines() if line.strip() not in DRIVERS)
        names = {name for name in _ASSIGNED.findall(text) if not name.startswith("__")}
        launched = re.findall(r"[\w.]+\.launch\.py", text)
        known = set(PARAMETERS) | ALL_TOOL_PARAMETERS | NODE_NAMES
        if launched:
            known = LAUNCH_ARGUMENTS.get(launched[0], set())
        elif "--ros-args" not in text:
            known |= LAUNCH_ARGUMENTS["pose3d.launch.py"]
        wrong += [f"{launched[0] if launched else text}: {name}" for name in sorted(names - known)]
    assert wrong == []


def test_launch_arguments_are_those_of_the_launch_file() -> None:
    assert set(LAUNCH_ARGUMENTS) == {path.name for path in (PACKAGE / "launch").glob("*.launch.py")}
    wrong = {page: names - LAUNCH_ARGUMENTS["pose3d.launch.py"] for page, names in named("launch argument").items()}
    assert not any(wrong.values()), wrong
    assert LAUNCH_ARGUMENTS["pose3d.launch.py"] - set().union(*named("launch argument").values()) == set()


def test_topics_and_services_are_those_of_the_nodes() -> None:
    for header in ("topic", "service"):
        for page, names in named(header).items():
            if page != "pose3d_ros/samples/README.md":  # the topics of a recording
                assert {name.removesuffix("/compressed") for name in names} - NODE_NAMES == set(), page
    topics = named("topic")["docs/messages.md"]
    assert STANDARD_OUTPUTS
    assert STANDARD_OUTPUTS - topics == set()
    for path in (SOURCE / "nodes" / f"{node}.py" for node in ("output", "pose_node")):
        made = re.findall(r'advertise\(\s*\w+,\s*\w+,\s*f?"(\w+)', path.read_text(encoding="utf-8"))
        assert made
        assert set(made) - topics == set()


def test_parameters_are_those_of_the_table() -> None:
    for name, names in named("parameter").items():
        assert names - set(PARAMETERS) - ALL_TOOL_PARAMETERS == set(), name
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
    assert named("field")["docs/evaluate.md"] == SUMMARY_FIELDS


def test_protocols_and_formats_are_those_of_the_tables() -> None:
    assert named("protocol")["docs/evaluate.md"] == {BAG, *PROTOCOLS}
    assert named("format")["docs/evaluate.md"] == set(FORMATS)


def test_every_number_of_the_held_out_set_is_defined_and_no_other() -> None:
    groups = (PeopleMetrics, DetectionMetrics)
    numbers = {field.name for group in groups for field in fields(group)} | {
        "groups",
        "round_occluder",
        "calibration",
        "scenes",
        "pictures",
    }
    about = {"seed", "model", "backend", "skeleton", "oracle_boxes"}
    thresholds = {"detector.score_threshold", "pose.joint_score_threshold"}
    assert named("number")["docs/evaluate.md"] == numbers | about | thresholds


def test_decoders_are_those_of_the_stages() -> None:
    known = {*POSE_DECODERS, *ROOT_DECODERS, *DETECTOR_DECODERS}
    folders = (SOURCE / "stages", SOURCE / "stages/detect", SOURCE / "stages/smooth")
    for path in (path for folder in folders for path in folder.glob("*.py")):
        known |= constants(path)
    assert named("decoder")["pose3d_ros/engines/README.md"] - known == set()
    for page in ("pose3d_ros/engines/README.md", "docs/models.md"):
        assert named("lifter decoder")[page] == set(LIFT_DECODERS)


def test_parameters_of_imported_networks_are_those_of_the_tables() -> None:
    assert named("detector parameter")["docs/models.md"] == set(IMPORT_PARAMETERS["detector"])
    assert named("pose parameter")["docs/models.md"] == set(IMPORT_PARAMETERS["pose"])


def test_figures_of_the_default_models_are_those_of_their_manifest() -> None:
    manifest = load_manifest(PACKAGE / "engines/default")
    card = (ROOT / "docs/models.md").read_text(encoding="utf-8")
    for entry in manifest.entries:
        assert f"{float(entry.accuracy['training_samples']):,.0f} |" in card
        assert f"{entry.file.stat().st_size / 1e6:.1f} MB" in card
    long_side_px = manifest.for_role("detector").parameters["long_side_px"]
    for page in ("models", "troubleshoot"):
        assert f"{long_side_px} px" in (ROOT / f"docs/{page}.md").read_text(encoding="utf-8")


def test_quoted_messages_are_those_of_the_source() -> None:
    source = {text for path in (*SOURCE.rglob("*.py"), *(ROOT / "tools").glob("bootstrap*")) for text in texts(path)}
    page = (ROOT / "docs/troubleshoot.md").read_text(encoding="utf-8")
    symptoms = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ") and "RViz" not in line]
    quoted = [quote for symptom in symptoms for quote in re.findall(r'"([^"]+)"', symptom)]
    assert len(quoted) > 8
    unknown = {q: part for q in quoted for part in fragments(q) if not any(part in text for text in source)}
    assert unknown == {}


def texts(path: Path) -> set[str]:
    return constants(path) if path.suffix == ".py" else {path.read_text(encoding="utf-8")} if path.is_file() else set()


def fragments(quote: str) -> list[str]:
    """What a quoted message has besides placeholders, numbers and the words that every error has."""
    return [part.strip() for part in re.split(r"…|[:,]|\bexpected\b|\bgot\b|\d+x\d+", quote) if len(part.strip()) > 3]


@pytest.mark.parametrize("page", PAGES, ids=page_name)
def test_no_placeholder_is_left(page: Path) -> None:
    assert re.findall(r"FIGURE_\w+", page.read_text(encoding="utf-8")) == []
