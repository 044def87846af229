"""What `--compare` names: the folder of a report, whose tables are read, or recorded results, which are scored."""

from __future__ import annotations

from pathlib import Path

from pose3d_ros.errors import InputError
from pose3d_ros.evaluation.comparison.compared_metrics import Results
from pose3d_ros.evaluation.recording.joining import session_of_files
from pose3d_ros.evaluation.recording.scoring import match_session
from pose3d_ros.evaluation.recording.table_files import PEOPLE_CSV, read_tables
from pose3d_ros.evaluation.recording.tables import tables_of
from pose3d_ros.reading.files import is_file, is_folder


def read_results(path: Path, recording: Path) -> Results:
    """The tables of a folder that has them, of all folders in it that do, or of results made from the recording.

    Raises InputError where there are none, and BagError for unusable bags.
    """
    folder = path.parent if path.name == PEOPLE_CSV else path
    if is_file(folder / PEOPLE_CSV):
        return {"": read_tables(folder)}
    if is_folder(path):
        inner = sorted(p for p in path.iterdir() if is_file(p / PEOPLE_CSV))
        if inner:
            return {p.name: read_tables(p) for p in inner}
        if not any(path.glob("*.mcap*")) and not any(path.glob("*.db3*")):
            fix = "Name the folder of `pose3d evaluate --report`, or a file of `pose3d predict`."
            raise InputError(f"--compare {path}", expected=PEOPLE_CSV, got="a folder without", fix=fix)
    session = session_of_files(path, recording)
    return {"": tables_of(session, match_session(session))}
