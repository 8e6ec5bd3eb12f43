"""Trains the global descriptor: what a picture of the drawn town is like as a place, in 128 numbers.

    python models/train/place.py drives --data DIR      # draws the drives, for training and for looking
    python models/train/place.py train --data DIR --out models/town/town-place.onnx
    python models/train/place.py validate --data DIR --model models/town/town-place.onnx

`train` needs the sets `train_a` and `train_b` of world_data.py and the drives, and takes a fixed number of
steps with fixed seeds on one thread, so that two runs give the same network bit for bit. `validate` looks
through ONNX Runtime at drives of other seeds.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from world_data import REPOSITORY, WorldSet, read_truth

WIDTH, HEIGHT = 160, 120
FULL_WIDTH, FULL_HEIGHT = 320, 240
DESCRIPTOR = 128
# Rows that the network looks at: above is sky, below the road just before the wheels.
TOP, BOTTOM = 8, 104
GROUP = 4
TOWN = 24  # pictures of one town in the random sets
SEED = 6

# Where similarities should part: pairs of one place above, all others below.
PART = 0.5


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


class PlaceNetwork(nn.Module):
    """[n, 3, 120, 160] RGB of 0 to 255 to [n, 128] of length 1."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for width, size, stride in (
            (16, 3, 2),
            (32, 3, 2),
            (32, 3, 1),
            (64, 3, 2),
            (64, 3, 1),
            (64, 3, 1),
            (32, 1, 1),
        ):
            layers += [
                nn.Conv2d(channels, width, size, stride, size // 2, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            channels = width
        # 12 x 20 positions become 6 x 5 regions: what is seen, and roughly where.
        self.layers = nn.Sequential(*layers, nn.AvgPool2d((2, 4)))
        self.head = nn.Linear(6 * 5 * channels, DESCRIPTOR)

    def forward(self, pixels: Tensor) -> Tensor:
        # In logarithms exposure and the colour of the light are sums, which go with the mean.
        light = torch.log(pixels[:, :, TOP:BOTTOM] + 16)
        features = self.layers(F.instance_norm(light))
        raw = self.head(features.flatten(1))
        return raw / torch.sqrt((raw * raw).sum(1, keepdim=True) + 1e-12)


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
            stem = folder / drive.name
            truth = read_truth(stem.with_suffix(".jsonl"))
            at, ways = truth.positions, truth.rotations[:, 2, [0, 2]]
            ways = ways / np.linalg.norm(ways, axis=1, keepdims=True)
            across = np.abs(at[:, None, 0] - at[None, :, 0])
            along = np.abs(at[:, None, 2] - at[None, :, 2])
            along[(across < 20) | (ways @ ways.T < 0.95) | np.tri(len(at), dtype=bool)] = np.inf
            # Spots along the first street, and where one is nearest to the same spot of the second.
            first = np.flatnonzero((along.min(1) < 4) & (np.abs(ways[:, 1]) > 0.9))
            rows = np.stack([first, along[first].argmin(1)], 1).reshape(-1)
            pictures = np.memmap(stem.with_suffix(".rgb"), np.uint8, "r")
            places = town * TOWN * 10 + np.arange(len(rows))
            parts.append(
                Pictures(
                    pixels=reduced(pictures.reshape(-1, FULL_HEIGHT, FULL_WIDTH, 3)[rows]),
                    places=places,
                    towns=np.full(len(rows), town),
                    positions=at[rows],
                    ways=ways[rows],
                    twins=places,
                )
            )
    pixels, table = joined(parts)
    return replace(table, pixels=np.concatenate(pixels))


def augmented(pixels: Tensor, random: torch.Generator) -> Tensor:
    """What must not matter: a little of zoom, turn and shift, colours, exposure, and what stands in the way."""
    count = len(pixels)

    def between(low: float, high: float, *shape: int) -> Tensor:
        return torch.rand(count, *shape, generator=random) * (high - low) + low

    zoom, turn = between(0.88, 1.06), between(-0.03, 0.03)
    cos, sin = zoom * torch.cos(turn), zoom * torch.sin(turn)
    ratio = HEIGHT / WIDTH
    rows = torch.stack(
        [cos, -sin * ratio, between(-0.06, 0.06), sin / ratio, cos, between(-0.05, 0.05)], 1
    ).reshape(count, 2, 3)
    grid = F.affine_grid(rows, [count, 3, HEIGHT, WIDTH], align_corners=False)
    image = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False)
    # Exposure, white balance, contrast about the mean, saturation.
    gain = torch.exp(between(-0.3, 0.3, 1, 1, 1)) * torch.exp(between(-0.08, 0.08, 3, 1, 1))
    image = image * gain
    grey = image.mean(1, keepdim=True)
    image = grey + (image - grey) * between(0.7, 1.25, 1, 1, 1)
    mean = grey.mean((2, 3), keepdim=True)
    image = mean + (image - mean) * torch.exp(between(-0.25, 0.2, 1, 1, 1))
    boxes = torch.rand(count, 2, 7, generator=random)
    for i in range(count):
        for k in range(2):
            chance, x, y, w, h, shade, tint = boxes[i, k].tolist()
            if chance < 0.35:
                wide, tall = int(10 + 45 * w), int(10 + 30 * h)
                left, top = int(x * (WIDTH - wide)), int(45 + y * (HEIGHT - 45 - tall))
                colour = torch.tensor([shade, (shade + tint) / 2, tint]).reshape(3, 1, 1) * 200
                image[i, :, top : top + tall, left : left + wide] = colour
    return image.clamp_(0, 255)


@dataclass(frozen=True)
class Relations:
    """Which pictures of a batch show one place, which are of twin places, and which are to be told apart."""

    same: Tensor  # [n, n] bool, without the diagonal
    twin: Tensor  # [n, n] bool
    other: Tensor  # [n, n] bool, twins included


def relations(data: Pictures, rows: np.ndarray) -> Relations:
    """Pictures of one town that may see a good part of each other's place are neither the same nor others."""
    places, towns, twins = data.places[rows], data.towns[rows], data.twins[rows]
    alike = places[:, None] == places[None]
    same = alike & ~np.eye(len(rows), dtype=bool)
    twin = (twins[:, None] >= 0) & (twins[:, None] == (twins[None] ^ 1))
    offset = data.positions[rows][:, None] - data.positions[rows][None]
    near = np.hypot(offset[..., 0], offset[..., 2]) < 20
    facing = data.ways[rows] @ data.ways[rows].T > 0.5
    unclear = (towns[:, None] == towns[None]) & near & facing & ~twin
    return Relations(
        torch.from_numpy(same), torch.from_numpy(twin), torch.from_numpy(~alike & ~unclear)
    )


def loss_of(descriptors: Tensor, relation: Relations) -> Tensor:
    """Supervised contrastive loss with a margin on twins, and the multi-similarity loss, which knows where to part.

    Khosla and others, Supervised Contrastive Learning (2020); Wang and others, Multi-Similarity Loss (2019).
    """
    similarity = descriptors @ descriptors.T
    others = similarity + 0.15 * relation.twin
    infinity = torch.tensor(float("inf"))
    heat = 1 / 0.07
    against = torch.logsumexp(torch.where(relation.other, others * heat, -infinity), 1, keepdim=True)
    pulls = torch.logaddexp(similarity * heat, against) - similarity * heat
    contrast = pulls[relation.same].mean()
    near = F.softplus(torch.logsumexp(torch.where(relation.same, -4 * (similarity - PART), -infinity), 1)) / 4
    far = F.softplus(torch.logsumexp(torch.where(relation.other, 30 * (others - PART), -infinity), 1)) / 30
    return contrast + 2 * (near.mean() + 2 * far.mean())


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


def train(arguments: argparse.Namespace) -> None:
    """Trains and exports."""
    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    torch.use_deterministic_algorithms(True)
    folder: Path = arguments.data
    steps = arguments.steps
    sets = [
        random_pictures(folder, "train_b", True, 0),
        random_pictures(folder, "train_a", False, 1000),
        drive_pictures(folder / "laps", TRAINING, 2000),
    ]
    batches = [
        place_batches(sets[0], 2, steps, SEED),
        place_batches(sets[1], 1, steps, SEED + 1),
        spot_batches(sets[2], 2, 2, steps, SEED + 2),
    ]
    starts = np.cumsum([0] + [len(one.places) for one in sets])
    pixels, table = joined(sets)
    random = torch.Generator().manual_seed(SEED)
    network = PlaceNetwork().to(memory_format=torch.channels_last).train()
    optimiser = torch.optim.AdamW(network.parameters(), lr=arguments.rate, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, arguments.rate, total_steps=steps, pct_start=0.1, div_factor=20
    )
    began = time.monotonic()
    total = 0.0
    for step in range(steps):
        parts = [one[step] for one in batches]
        batch = np.concatenate([one[rows] for one, rows in zip(pixels, parts, strict=True)])
        rows = np.concatenate([part + start for part, start in zip(parts, starts, strict=False)])
        images = torch.from_numpy(batch).float()
        # The mirror image of a town is another town.
        for town in np.unique(table.towns[rows]):
            if torch.rand(1, generator=random).item() < 0.5:
                own = torch.from_numpy(np.flatnonzero(table.towns[rows] == town))
                images[own] = images[own].flip(3)
        images = augmented(images, random).contiguous(memory_format=torch.channels_last)
        loss = loss_of(network(images), relations(table, rows))
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        total += loss.item()
        if arguments.print_all or (step + 1) % 50 == 0:
            shown = loss.item() if arguments.print_all else total / 50
            print(f"step {step + 1}: loss {shown!r} ({time.monotonic() - began:.0f} s)", flush=True)
            total = 0.0
        if (step + 1) % 500 == 0 and step + 1 < steps:
            export(network, arguments.out.with_suffix(f".{step + 1}.onnx"))
            network.to(memory_format=torch.channels_last).train()
    export(network, arguments.out)


def export(network: PlaceNetwork, path: Path) -> None:
    """Writes the ONNX file, normalisation of the batch folded into the convolutions."""
    import onnx

    network = network.to(memory_format=torch.contiguous_format).eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.onnx.export(
        network,
        (torch.zeros(1, 3, HEIGHT, WIDTH),),
        str(path),
        input_names=["image"],
        output_names=["descriptor"],
        opset_version=17,
        dynamo=False,
    )
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    print(f"{path}: {path.stat().st_size} bytes, {sorted({node.op_type for node in model.graph.node})}")


def describe(model: Path, pixels: np.ndarray) -> np.ndarray:
    """Descriptors of reduced pictures through ONNX Runtime, [n, 256] float32."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"image": one[None].astype(np.float32)})[0] for one in pixels])


def averaged(similarity: np.ndarray, frames: int) -> np.ndarray:
    """The mean over the last so many frames of both sides; what reaches before the first frame is cut off."""
    count = len(similarity)
    total = np.zeros_like(similarity)
    parts = np.zeros_like(similarity)
    for back in range(frames):
        total[back:, back:] += similarity[: count - back, : count - back]
        parts[back:, back:] += 1
    return total / parts


def overlaps(path: Path) -> np.ndarray:
    """[n, n]: the overlap of each two frames, 0 below 0.2."""
    pairs = [json.loads(line)["same_place"] for line in path.open(encoding="utf-8")]
    table = np.zeros((len(pairs), len(pairs)), np.float32)
    for frame, earlier in enumerate(pairs):
        for other, overlap in earlier:
            table[frame, other] = table[other, frame] = overlap
    return table


def similarities(folder: Path, drive: Drive, model: Path) -> tuple[np.ndarray, np.ndarray]:
    """Of one drive: the similarity of each two frames, and their overlap."""
    stem = folder / drive.name
    pictures = np.memmap(stem.with_suffix(".rgb"), np.uint8, "r").reshape(-1, FULL_HEIGHT, FULL_WIDTH, 3)
    descriptors = describe(model, reduced(pictures))
    return descriptors @ descriptors.T, overlaps(stem.with_suffix(".jsonl"))


@dataclass(frozen=True)
class LapFigures:
    """How the second lap finds the first."""

    recall_at_1: float
    own_threshold: float  # recall at the least similarity at which no match is wrong
    best: np.ndarray  # similarity of each best match
    right: np.ndarray  # whether it is right
    asked: int


def lap_figures(similarity: np.ndarray, overlap: np.ndarray) -> LapFigures:
    """Frames of lap two ask those of lap one; those that have a true match count."""
    half = len(similarity) // 2
    sim, truth = similarity[half:, :half], overlap[half:, :half] >= 0.2
    asked = truth.any(1)
    match = sim.argmax(1)
    best, right = sim.max(1), truth[np.arange(len(sim)), match]
    wrong = best[~right].max(initial=-1)
    return LapFigures(
        recall_at_1=float(right[asked].mean()),
        own_threshold=float((right & (best > wrong))[asked].mean()),
        best=best,
        right=right,
        asked=int(asked.sum()),
    )


def validate(arguments: argparse.Namespace) -> None:
    """Prints how laps are found and streets that look alike are told apart, over one threshold for all."""
    torch.set_num_threads(1)
    kept = [(drive, *similarities(arguments.data / "laps", drive, arguments.model)) for drive in VALIDATION]
    for frames in (1, 3, 5):
        highest = -1.0
        laps: list[LapFigures] = []
        print(f"similarity over {frames} frame{'s' if frames > 1 else ''}")
        for drive, similarity, overlap in kept:
            similarity = averaged(similarity, frames)
            if drive.scenario == ALIKE:
                count = len(similarity)
                apart = np.tri(count, k=-15, dtype=bool) & (overlap == 0)
                top = np.where(apart, similarity, -1)
                at = divmod(int(top.argmax()), count)
                shares = np.quantile(similarity[apart], (0.99, 0.999, 0.9999))
                print(f"  {drive.name} {drive.light}: highest {top.max():.3f} at {at}, quantiles {shares.round(3)}")
                highest = max(highest, float(top.max()))
            else:
                found = lap_figures(similarity, overlap)
                laps.append(found)
                low = np.quantile(found.best[found.right], (0.02, 0.1, 0.5)).round(3)
                wrong = found.best[~found.right].max(initial=-1)
                print(
                    f"  {drive.name} {drive.light}: recall at 1 {found.recall_at_1:.3f},"
                    f" at 100 % precision {found.own_threshold:.3f},"
                    f" right matches' quantiles {low}, highest wrong {wrong:.3f}"
                )
                highest = max(highest, float(wrong))
        shares = [float((one.right & (one.best > highest)).sum() / one.asked) for one in laps]
        print(f"  one threshold {highest:.3f}: recall {np.mean(shares):.3f} {np.round(shares, 3)}", flush=True)


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    drives = commands.add_parser("drives")
    drives.add_argument("--deno", default="deno")
    drives.set_defaults(run=lambda given: make_drives(given.data / "laps", VALIDATION + TRAINING, given.deno))
    training = commands.add_parser("train")
    training.add_argument("--out", type=Path, required=True)
    training.add_argument("--steps", type=int, default=2000)
    training.add_argument("--rate", type=float, default=4e-3)
    training.add_argument("--print-all", action="store_true")
    training.set_defaults(run=train)
    looking = commands.add_parser("validate")
    looking.add_argument("--model", type=Path, required=True)
    looking.set_defaults(run=validate)
    for command in (drives, training, looking):
        command.add_argument("--data", type=Path, required=True)
    given = parser.parse_args()
    given.run(given)


if __name__ == "__main__":
    main()
