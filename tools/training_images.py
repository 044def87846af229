"""Images without people for training, out of Debian packages: photos, textures, and cut-out things.

    python tools/training_images.py --output images

fetches the packages with `apt-get download` (or takes them from --debs DIR), keeps what the packages' copyright files
put under CC0, CC-BY, CC-BY-SA or the public domain, and writes

    photos/     landscapes and rooms                        lomiri-wallpapers-16.04, -20.04
    textures/   walls, floors, cloth, bark                  supertuxkart-data
    things/     plants, tools, animals, furniture with alpha  openclipart-png, supertuxkart-data
    SOURCES.md  every image with its package, path and license

None of it goes into the package; docs/train.md says where training reads it.
"""

from __future__ import annotations

import argparse
import fnmatch
import gzip
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from pose3d_training.synthetic.image_folders import image_paths, shrink

ImageArray = npt.NDArray[np.uint8]

PHOTOS = {
    "lomiri-wallpapers-16.04": (
        "Bridge_by_", "Dragonfly_by_", "Picture_0B_", "Picture_1A_", "Wine_by_", "aitzgorri_", "free_by_",
        "friends_by_", "greentock_", "life_by_", "picosdeeuropa_", "seeding_by_", "sunset_by_",
    ),
    "lomiri-wallpapers-20.04": ("Kleiber_by_",),
}  # fmt: skip
"""Package → how the names of its photographs begin; the others are drawings or patterns."""
TEXTURES, THINGS = "supertuxkart-data", "openclipart-png"
_THING_FOLDERS = (
    "animals", "buildings", "computer", "containers", "decorations", "electronics", "food", "office", "plants",
    "recreation", "tools", "transportation",
)  # fmt: skip
_THINGS_A_FOLDER = 60
_PEOPLE = re.compile(
    r"man|person|people|boy|girl|player|child|kid|human|hand|face|dancer|runner|chef|santa|angel|soldier|robot|karate"
    r"|golf|climb|mario"
)
_NO_TEXTURE = re.compile(
    r"/karts?/|char|face|people|girl|guy|body|icon|gui|screenshot|loading|lightmap|sky|nolok|tux|gnu|wilber|puffy|normal|splat|gloss"
    r"|gfx|skins|_n\.|_nm|minimap"
)
_FREE = re.compile(r"CC0(-1\.0)?|CC-BY(-SA)?(-[\d.]+\+?)?|public[- ]domain", re.IGNORECASE)
_MIN_BYTES, _MIN_SIDE_PX, _LONGEST_PX = 30_000, 128, 512
_THING_PX = 300


@dataclass(frozen=True)
class Found:
    """An image in an unpacked package, and its license."""

    package: str
    path: Path
    license: str


class Licenses:
    """Which license a package's copyright file (DEP-5) gives each of its files; the last paragraph that fits counts."""

    def __init__(self, text: str) -> None:
        self._paragraphs: list[tuple[list[str], str]] = []
        for paragraph in text.split("\n\n"):
            files = re.search(r"^Files:(.*?)(?=^\S)", paragraph + "\nX", re.DOTALL | re.MULTILINE)
            license = re.search(r"^License:\s*(.*)$", paragraph, re.MULTILINE)
            if files and license:
                self._paragraphs.append((files.group(1).split(), license.group(1).strip()))

    def of(self, path: str) -> str:
        """License of a path as the copyright file writes it, "" when none fits."""
        found = ""
        for patterns, license in self._paragraphs:
            if any(_fits(path, pattern) for pattern in patterns):
                found = license
        return found


def _fits(path: str, pattern: str) -> bool:
    """Some packages install their files in other folders than their sources', without the first of them."""
    inner = pattern.partition("/")[2]
    return any(fnmatch.fnmatch(path, p) for p in (pattern, f"*/{pattern}", f"*/{inner}") if p != "*/")


def is_free(license: str) -> bool:
    """CC0, CC-BY, CC-BY-SA or public domain, and nothing else beside it."""
    return all(_FREE.fullmatch(part.strip()) for part in re.split(r"\band\b|\bor\b|,", license))


def unpack(package: str, debs: Path, into: Path) -> Path:
    """The package's files in a folder of its own; fetched first when `debs` has none."""
    found = sorted(debs.glob(f"{package}_*.deb"))
    if not found:
        subprocess.run(["apt-get", "download", package], cwd=debs, check=True, stdout=subprocess.DEVNULL)
        found = sorted(debs.glob(f"{package}_*.deb"))
    folder = into / package
    subprocess.run(["dpkg", "-x", str(found[-1]), str(folder)], check=True)
    return folder


def licenses_of(package: str, folder: Path) -> Licenses:
    """Read the package's copyright file."""
    document = folder / "usr/share/doc" / package
    plain, packed = document / "copyright", document / "copyright.gz"
    return Licenses(plain.read_text(encoding="utf-8") if plain.exists() else gzip.open(packed, "rt").read())


def photos(debs: Path, into: Path) -> Iterator[Found]:
    """The photographs of PHOTOS."""
    for package, names in PHOTOS.items():
        folder = unpack(package, debs, into)
        licenses = licenses_of(package, folder)
        for path in _images(folder):
            license = licenses.of(str(path.relative_to(folder)))
            if path.name.startswith(names) and is_free(license):
                yield Found(package, path, license)


def game_images(debs: Path, into: Path) -> Iterator[Found]:
    """Textures and plants of the racing game's tracks."""
    folder = unpack(TEXTURES, debs, into)
    licenses, root = licenses_of(TEXTURES, folder), folder / "usr/share/games/supertuxkart"
    for path in _images(root):
        relative = str(path.relative_to(root))
        if path.stat().st_size < _MIN_BYTES or _NO_TEXTURE.search(f"/{relative.lower()}"):
            continue
        license = licenses.of(relative)
        if is_free(license):
            yield Found(TEXTURES, path, license)


def clip_art(debs: Path, into: Path) -> Iterator[Found]:
    """Things of the public-domain clip art library."""
    root = unpack(THINGS, debs, into) / "usr/share/openclipart/png"
    for name in _THING_FOLDERS:
        paths = [p for p in _images(root / name) if not _PEOPLE.search(str(p.relative_to(root)).lower())]
        chosen = np.linspace(0, len(paths) - 1, min(_THINGS_A_FOLDER, len(paths))).round().astype(int)
        for i in chosen:
            yield Found(THINGS, paths[i], "public-domain")


def _images(folder: Path) -> list[Path]:
    return [path for path in image_paths([folder]) if path.is_file()]


def cut_out(image: ImageArray) -> ImageArray | None:
    """What is seen of an image with alpha (H, W, 4), no longer than 300 px; None for a full or an empty one."""
    rows, columns = np.nonzero(image[..., 3] > 20)
    if len(rows) < 400:
        return None
    part = image[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    return shrink(part, _THING_PX) if 0.15 < float(np.mean(part[..., 3] > 128)) < 0.93 else None


class Collection:
    """The output folder, each image in it once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows: list[str] = []
        self._seen: set[bytes] = set()

    def add(self, kind: str, found: Found, image: ImageArray) -> None:
        """Write an image unless one like it is there."""
        key = np.asarray(cv2.resize(image, (16, 16), interpolation=cv2.INTER_AREA)).tobytes()
        if key in self._seen:
            return
        self._seen.add(key)
        name = f"{kind}/{len(self.rows):04d}_{found.path.stem}.png"
        (self.folder / kind).mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(self.folder / name), image)
        self.rows.append(f"| {name} | {found.package} | {found.path.name} | {found.license} |")


def collect(debs: Path, output: Path) -> Collection:
    """Fill the output folder."""
    made = Collection(output)
    with tempfile.TemporaryDirectory() as temporary:
        into = Path(temporary)
        for found in photos(debs, into):
            image = cv2.imread(str(found.path), cv2.IMREAD_COLOR)
            if image is not None:
                made.add("photos", found, shrink(np.asarray(image, np.uint8), 1280))
        for found in (*game_images(debs, into), *clip_art(debs, into)):
            image = cv2.imread(str(found.path), cv2.IMREAD_UNCHANGED)
            if image is None or image.ndim != 3 or image.dtype != np.uint8:
                continue
            pixels = np.asarray(image, np.uint8)
            thing = cut_out(pixels) if pixels.shape[2] == 4 else None
            if thing is not None:
                made.add("things", found, thing)
            elif found.package == TEXTURES and min(pixels.shape[:2]) >= _MIN_SIDE_PX:
                made.add("textures", found, shrink(pixels[..., :3], _LONGEST_PX))
    table = ["# Sources", "", "| image | Debian package | file | license |", "|---|---|---|---|", *made.rows]
    (output / "SOURCES.md").write_text("\n".join(table) + "\n", encoding="utf-8")
    return made


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, help="folder of the images")
    parser.add_argument("--debs", type=Path, help="folder of the .deb files, fetched into it when missing")
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        debs = a.debs or Path(temporary)
        debs.mkdir(parents=True, exist_ok=True)
        made = collect(debs, a.output)
    for kind in ("photos", "textures", "things"):
        print(f"{sum(row.startswith(f'| {kind}/') for row in made.rows)} {kind}")


if __name__ == "__main__":
    main()
