"""What methods of learning without 3D labels buy: `make bench-learning ASSETS=assets`.

    python benchmarks/learning.py --assets assets [--cases NAME ...] [--seeds 1 2 3]

Each case trains lifters on the same motions and bodies with labels withheld, with a method and without, and measures
both on people that no arm saw. Results are merged into out/bench/learning.json case by case; docs/learning.md has their
table. Without assets nothing is measured.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean

from common import OUTPUT, machine
from learning_bench import Case, LearningBench

from pose3d_ros.cli.terminal import print_table

_CASES = Path(__file__).with_name("learning_cases")
_FILE = OUTPUT / "learning.json"
_BEGIN, _END = "<!-- table of benchmarks/learning.py -->", "<!-- end of the table -->"


def cases() -> dict[str, Case]:
    """The cases by name, of every module in learning_cases."""
    modules = [importlib.import_module(f"learning_cases.{path.stem}") for path in sorted(_CASES.glob("[a-z]*.py"))]
    return {case.name: case for module in modules for case in module.CASES}


def measured(case: Case, bench: LearningBench, seeds: list[int]) -> dict[str, object]:
    """A case's record: figures by arm and seed, their means, and the minutes it took."""
    began = time.monotonic()
    by_seed = [dict(case.run(bench, seed)) for seed in seeds]
    figures = {arm: [one[arm] for one in by_seed] for arm in by_seed[0]}
    return {
        "paper": case.paper,
        "question": case.question,
        "unit": case.unit,
        "seeds": seeds,
        "figures": figures,
        "means": {arm: round(mean(values), 3) for arm, values in figures.items()},
        "minutes": round((time.monotonic() - began) / 60, 1),
        "machine": machine(),
    }


def rows(record: dict[str, dict[str, object]]) -> Iterator[dict[str, object]]:
    """Lines of the table."""
    for name, one in sorted(record.items()):
        figures = one["figures"]
        assert isinstance(figures, dict)
        for arm, values in figures.items():
            spread = f"{min(values):.4g}–{max(values):.4g}" if len(values) > 1 else ""
            label, _, unit = arm.partition(" in ")  # of an arm in another unit than the case's
            line = {"case": name, "arm": label, "mean": f"{mean(values):.4g} {unit or one['unit']}", "seeds": spread}
            yield {**line, "minutes": one["minutes"], "paper": one["paper"]}


def page(text: str, record: dict[str, dict[str, object]]) -> str:
    """The page with its table anew."""
    lines = list(rows(record))
    head = list(lines[0])
    table = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    table += ["| " + " | ".join(str(line[key]) for key in head) + " |" for line in lines]
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    return "\n".join([before + _BEGIN, "", *table, "", _END + after])


def main() -> None:
    known = cases()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, metavar="DIR", help="bodies and recorded motions")
    parser.add_argument("--cases", nargs="+", choices=known, default=list(known), metavar="NAME", help=", ".join(known))
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of steps, to try a case")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the table into this page as well")
    args = parser.parse_args()
    if args.assets is None:
        print("learning: nothing is measured without --assets, bodies and recorded motions (docs/train.md)")
        return
    record = json.loads(_FILE.read_text()) if _FILE.exists() else {}
    bench = LearningBench(args.assets, OUTPUT / "learning_runs", args.scale)
    for name in args.cases:
        record[name] = measured(known[name], bench, args.seeds)
        OUTPUT.mkdir(parents=True, exist_ok=True)
        _FILE.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    print_table(list(rows(record)))
    if args.page is not None:
        args.page.write_text(page(args.page.read_text(encoding="utf-8"), record), encoding="utf-8")


if __name__ == "__main__":
    main()
