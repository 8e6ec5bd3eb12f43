"""Makes the training data with Framewise's own world, and reads it.

    python models/train/world_data.py --out DIR [SET ...]

makes the sets that are missing or not whole; without names all of `SETS`. A set is four files: NAME.rgb
(rgb24 frames one after the other), NAME.dep (float32 metres, 0 for the sky), NAME.ids (uint16 numbers of
things) and NAME.jsonl (the truth, a line a frame; docs/world.md). Seeds below 1000 are for evaluation and
appear in none of them.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

REPOSITORY = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 320, 240
CLASSES = ("person", "bicycle", "car", "van", "bus", "dog", "sign")
LIGHTS = ("day", "dusk", "rain")


@dataclass(frozen=True)
class Recipe:
    """How a set is made: the arguments of `framewise world`, and how many frames."""

    arguments: tuple[str, ...]
    frames: int


def _random(seed: int, frames: int, *more: str) -> Recipe:
    return Recipe(("--scenario", "random", "--seed", str(seed), "--group", "4", *more), frames)


SETS = {
    "train_a": _random(1001, 4800),
    "train_b": _random(1002, 4800, "--alike"),
    "val_a": _random(2001, 480),
    "val_b": _random(2002, 480, "--alike"),
}


def is_whole(folder: Path, name: str, frames: int) -> bool:
    """Whether all four files of a set are there with the bytes and lines that they must have."""
    pixels = frames * HEIGHT * WIDTH
    sizes = {".rgb": 3 * pixels, ".dep": 4 * pixels, ".ids": 2 * pixels}
    for suffix, size in sizes.items():
        path = folder / (name + suffix)
        if not path.is_file() or path.stat().st_size != size:
            return False
    truth = folder / (name + ".jsonl")
    if not truth.is_file():
        return False
    with truth.open("rb") as lines:
        return sum(1 for _ in lines) == frames


def make_set(folder: Path, name: str, recipe: Recipe, deno: str = "deno") -> None:
    """Has Framewise draw a set, unless it is whole already; raises RuntimeError if it is not whole then."""
    if is_whole(folder, name, recipe.frames):
        print(f"{name}: whole, kept", flush=True)
        return
    folder.mkdir(parents=True, exist_ok=True)
    stem = str(folder.resolve() / name)
    print(f"{name}: drawing {recipe.frames} frames", flush=True)
    subprocess.run(
        [*deno.split(), "task", "--quiet", "framewise", "world", *recipe.arguments]
        + ["--frames", str(recipe.frames), "--size", f"{WIDTH}x{HEIGHT}", "--quiet"]
        + ["--out", stem + ".rgb", "--truth", stem + ".jsonl"]
        + ["--depths", stem + ".dep", "--ids", stem + ".ids"],
        cwd=REPOSITORY,
        check=True,
    )
    if not is_whole(folder, name, recipe.frames):
        raise RuntimeError(f"{name}: `framewise world` ended well, yet {stem}.* are not {recipe.frames} frames")


@dataclass(frozen=True)
class Objects:
    """Things in pictures, one row each; rows `starts[f]` to `starts[f + 1]` are those of frame f."""

    starts: np.ndarray  # [frames + 1] int64
    boxes: np.ndarray  # [n, 4] float32: x1, y1, x2, y2
    classes: np.ndarray  # [n] int16
    pixels: np.ndarray  # [n] int32: how many show it
    visible: np.ndarray  # [n] float32: share that nothing hides
    cut: np.ndarray  # [n] bool: reaches the picture's edge
    ids: np.ndarray  # [n] int32
    depths: np.ndarray  # [n] float32: nearest point in metres

    def of(self, frame: int) -> slice:
        """The rows of one frame."""
        return slice(int(self.starts[frame]), int(self.starts[frame + 1]))


@dataclass(frozen=True)
class Truth:
    """The truth of a set, frame by frame."""

    lights: np.ndarray  # [frames] int8, index into LIGHTS
    groups: np.ndarray  # [frames] int32, -1 where there are none
    positions: np.ndarray  # [frames, 3] float64, metres: east, up, south
    rotations: np.ndarray  # [frames, 3, 3] float64, world to camera
    focals: np.ndarray  # [frames] float64, pixels
    centres: np.ndarray  # [frames, 2] float64, pixels
    distortions: np.ndarray  # [frames, 2] float64: k1, k2
    objects: Objects
    same_place: list[list[tuple[int, float]]]  # earlier frames and their overlaps

    def __len__(self) -> int:
        return len(self.lights)


def read_truth(path: Path) -> Truth:
    """Parses a file of truth lines."""
    lights: list[int] = []
    groups: list[int] = []
    cameras: list[list[float]] = []
    starts = [0]
    rows: list[tuple[float, ...]] = []
    same_place: list[list[tuple[int, float]]] = []
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            camera = record["camera"]
            lights.append(LIGHTS.index(record["light"]))
            groups.append(record.get("group", -1))
            cameras.append(
                [*camera["position"], *camera["rotation"], camera["focal"], *camera["centre"], *camera["distortion"]]
            )
            for thing in record["objects"]:
                rows.append(
                    (*thing["box"], thing["class_id"], thing["pixels"], thing["visible"])
                    + (thing["cut"], thing["id"], thing["depth"])
                )
            starts.append(len(rows))
            same_place.append([(frame, overlap) for frame, overlap in record["same_place"]])
    camera_table = np.asarray(cameras, np.float64).reshape(len(lights), 17)
    table = np.asarray(rows, np.float64).reshape(len(rows), 10)
    return Truth(
        lights=np.asarray(lights, np.int8),
        groups=np.asarray(groups, np.int32),
        positions=camera_table[:, 0:3],
        rotations=camera_table[:, 3:12].reshape(-1, 3, 3),
        focals=camera_table[:, 12],
        centres=camera_table[:, 13:15],
        distortions=camera_table[:, 15:17],
        objects=Objects(
            starts=np.asarray(starts, np.int64),
            boxes=table[:, 0:4].astype(np.float32),
            classes=table[:, 4].astype(np.int16),
            pixels=table[:, 5].astype(np.int32),
            visible=table[:, 6].astype(np.float32),
            cut=table[:, 7] > 0,
            ids=table[:, 8].astype(np.int32),
            depths=table[:, 9].astype(np.float32),
        ),
        same_place=same_place,
    )


@dataclass(frozen=True)
class WorldSet:
    """A set on disk; pictures are mapped, not read. `WorldSet(Path(DIR), "train_a")`."""

    folder: Path
    name: str

    @cached_property
    def truth(self) -> Truth:
        return read_truth(self.folder / (self.name + ".jsonl"))

    @cached_property
    def rgb(self) -> np.ndarray:
        """[frames, 240, 320, 3] uint8."""
        return self._map(".rgb", np.uint8, (3,))

    @cached_property
    def depths(self) -> np.ndarray:
        """[frames, 240, 320] float32, metres along the camera's axis, 0 for the sky."""
        return self._map(".dep", np.float32, ())

    @cached_property
    def ids(self) -> np.ndarray:
        """[frames, 240, 320] uint16, numbers of things."""
        return self._map(".ids", np.uint16, ())

    def __len__(self) -> int:
        return len(self.truth)

    def _map(self, suffix: str, dtype: type, last: tuple[int, ...]) -> np.ndarray:
        path = self.folder / (self.name + suffix)
        return np.memmap(path, dtype, "r").reshape(-1, HEIGHT, WIDTH, *last)


def main() -> None:
    """Makes the sets named on the command line."""
    parser = argparse.ArgumentParser(description="Makes the training data with `framewise world`.")
    parser.add_argument("--out", type=Path, required=True, help="folder for the sets")
    parser.add_argument("--deno", default="deno", help='how Deno is called, such as "npx deno"')
    parser.add_argument("sets", nargs="*", help=f"all unless named: {', '.join(SETS)}")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.sets) - set(SETS))
    if unknown:
        parser.error(f"no such set: {', '.join(unknown)}; there are {', '.join(SETS)}")
    for name in arguments.sets or SETS:
        make_set(arguments.out, name, SETS[name], arguments.deno)


if __name__ == "__main__":
    main()
