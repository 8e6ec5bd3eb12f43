"""What the global descriptor learns from and is looked at with: pictures of places, and drives through towns."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from world_data import HEIGHT as FULL_HEIGHT
from world_data import REPOSITORY, WorldSet, read_truth
from world_data import WIDTH as FULL_WIDTH

WIDTH, HEIGHT = 160, 120
TOWN = 24  # pictures of one town in the random sets
# Rows that the network looks at: above is sky, below the road just before the wheels.
TOP, BOTTOM = 8, 104
# Added to pixels before their logarithm is taken.
OFFSET = 16


@dataclass(frozen=True)
class Drive:
    """A drive: scenario, seed, light, and how busy the town is."""

    scenario: str
    seed: int
    light: str
    density: str = "1"
    frames: int = 300

    @property
    def name(self) -> str:
        short = "laps" if self.scenario == "two-laps-other-light" else self.scenario
        return f"{short}_{self.seed}_{self.light}"


LAPS, ALIKE = "two-laps-other-light", "alike"
VALIDATION = tuple(
    Drive(scenario, seed, light)
    for seed, light in ((3001, "day"), (3002, "dusk"), (3003, "rain"), (3004, "day"))
    for scenario in (ALIKE, LAPS)
)
# Down the two streets of each town three times, in other light and with other traffic, from the same poses.
TRAINING = tuple(
    Drive(ALIKE, seed, light, density, 96)
    for seed in range(4001, 4017)
    for light, density in (("day", "0.7"), ("dusk", "1.4"), ("rain", "1"))
)


def frames_of(folder: Path, drive: Drive) -> np.ndarray:
    """All frames of a drive, mapped: [n, 240, 320, 3] uint8."""
    pixels = np.memmap((folder / drive.name).with_suffix(".rgb"), np.uint8, "r")
    return pixels.reshape(-1, FULL_HEIGHT, FULL_WIDTH, 3)


def make_drives(folder: Path, drives: tuple[Drive, ...], deno: str) -> None:
    """Has Framewise draw the drives that are missing: NAME.rgb and NAME.jsonl."""
    folder.mkdir(parents=True, exist_ok=True)
    for drive in drives:
        stem = folder.resolve() / drive.name
        pixels = stem.with_suffix(".rgb")
        if pixels.is_file() and pixels.stat().st_size == drive.frames * FULL_WIDTH * FULL_HEIGHT * 3:
            continue
        print(f"{drive.name}: drawing {drive.frames} frames", flush=True)
        subprocess.run(
            [*deno.split(), "task", "--quiet", "framewise", "world", "--scenario", drive.scenario]
            + ["--seed", str(drive.seed), "--light", drive.light, "--density", drive.density]
            + ["--frames", str(drive.frames), "--size", f"{FULL_WIDTH}x{FULL_HEIGHT}", "--quiet"]
            + ["--out", f"{stem}.rgb", "--truth", f"{stem}.jsonl"],
            cwd=REPOSITORY,
            check=True,
        )


def reduced(pictures: np.ndarray) -> np.ndarray:
    """Pictures at half their size, means of 2 x 2: [n, 3, 120, 160] uint8 from [n, 240, 320, 3]."""
    count = len(pictures)
    small = np.empty((count, 3, HEIGHT, WIDTH), np.uint8)
    for start in range(0, count, 64):
        part = pictures[start : start + 64].astype(np.uint16)
        part = part.reshape(-1, HEIGHT, 2, WIDTH, 2, 3).sum(axis=(2, 4))
        small[start : start + 64] = ((part + 2) >> 2).astype(np.uint8).transpose(0, 3, 1, 2)
    return small


@dataclass(frozen=True)
class Pictures:
    """Reduced pictures of towns, and what place each shows."""

    pixels: np.ndarray  # [n, 3, 120, 160] uint8
    places: np.ndarray  # [n]: the same number sees the same place
    towns: np.ndarray  # [n]
    positions: np.ndarray  # [n, 3] metres
    ways: np.ndarray  # [n, 2]: where the camera looks, along the ground
    twins: np.ndarray  # [n]: twin places have numbers that differ in the last bit alone; -1 for none


def random_pictures(folder: Path, name: str, alike: bool, first_town: int) -> Pictures:
    """A random set, reduced; keeps the reduced pictures beside it."""
    data = WorldSet(folder, name)
    cache = folder / f"{name}.small.npy"
    if not cache.is_file():
        np.save(cache, reduced(data.rgb))
    truth = data.truth
    number = first_town * TOWN
    places = truth.groups + number
    ways = truth.rotations[:, 2, [0, 2]]
    return Pictures(
        pixels=np.load(cache, mmap_mode="r"),
        places=places,
        towns=np.arange(len(truth)) // TOWN + first_town,
        positions=truth.positions,
        ways=ways / np.linalg.norm(ways, axis=1, keepdims=True),
        twins=places if alike else np.full(len(truth), -1),
    )


def drive_pictures(folder: Path, drives: tuple[Drive, ...], first_town: int) -> Pictures:
    """The spots of drives down two streets that look alike: those that see the same stretch of the one and the other."""
    parts: list[Pictures] = []
    for town, seed in enumerate(sorted({drive.seed for drive in drives}), first_town):
        for drive in (drive for drive in drives if drive.seed == seed):
            truth = read_truth((folder / drive.name).with_suffix(".jsonl"))
            at, ways = truth.positions, truth.rotations[:, 2, [0, 2]]
            ways = ways / np.linalg.norm(ways, axis=1, keepdims=True)
            across = np.abs(at[:, None, 0] - at[None, :, 0])
            along = np.abs(at[:, None, 2] - at[None, :, 2])
            along[(across < 20) | (ways @ ways.T < 0.95) | np.tri(len(at), dtype=bool)] = np.inf
            # Spots along the first street, and where one is nearest to the same spot of the second.
            first = np.flatnonzero((along.min(1) < 4) & (np.abs(ways[:, 1]) > 0.9))
            rows = np.stack([first, along[first].argmin(1)], 1).reshape(-1)
            places = town * TOWN * 10 + np.arange(len(rows))
            parts.append(
                Pictures(
                    pixels=reduced(frames_of(folder, drive)[rows]),
                    places=places,
                    towns=np.full(len(rows), town),
                    positions=at[rows],
                    ways=ways[rows],
                    twins=places,
                )
            )
    pixels, table = joined(parts)
    return replace(table, pixels=np.concatenate(pixels))


def place_batches(data: Pictures, towns: int, steps: int, seed: int) -> list[np.ndarray]:
    """Rows of each step: all pictures of a few towns, drawn without putting back."""
    random = np.random.default_rng(seed)
    by_town = [np.flatnonzero(data.towns == town) for town in np.unique(data.towns)]
    order: list[int] = []
    while len(order) < steps * towns:
        order += random.permutation(len(by_town)).tolist()
    return [np.concatenate([by_town[t] for t in order[i * towns : (i + 1) * towns]]) for i in range(steps)]


def spot_batches(data: Pictures, towns: int, spots: int, steps: int, seed: int) -> list[np.ndarray]:
    """Rows of each step: a few spots of a few towns, each in all lights and with its twin."""
    random = np.random.default_rng(seed)
    by_town = [np.flatnonzero(data.towns == town) for town in np.unique(data.towns)]
    batches: list[np.ndarray] = []
    for _ in range(steps):
        rows: list[np.ndarray] = []
        for town in random.permutation(len(by_town))[:towns]:
            own = by_town[town]
            pairs = data.places[own] >> 1
            rows += [own[pairs == pair] for pair in random.permutation(np.unique(pairs))[:spots]]
        batches.append(np.concatenate(rows))
    return batches


def joined(sets: list[Pictures]) -> tuple[list[np.ndarray], Pictures]:
    """One table over several sets; their pixels stay where they are."""
    table = {
        field: np.concatenate([getattr(one, field) for one in sets])
        for field in ("places", "towns", "positions", "ways", "twins")
    }
    return [one.pixels for one in sets], Pictures(pixels=np.empty(0), **table)
