"""What a global descriptor is worth on drives: places found again in other light, and streets told apart."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from place_data import ALIKE, VALIDATION, Drive, frames_of, reduced


def describe(model: Path, pixels: np.ndarray) -> np.ndarray:
    """Descriptors of reduced pictures through ONNX Runtime, [n, 128] float32."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    return np.concatenate([session.run(None, {"image": one[None].astype(np.float32)})[0] for one in pixels])


def averaged(similarity: np.ndarray, frames: int, least: int = 1) -> np.ndarray:
    """The mean over the last so many frames of both sides, or as many as there are; -1 where those are less than `least`."""
    count = len(similarity)
    total = np.zeros_like(similarity)
    parts = np.zeros_like(similarity)
    for back in range(frames):
        total[back:, back:] += similarity[: count - back, : count - back]
        parts[back:, back:] += 1
    return np.where(parts >= least, total / parts, -1)


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
    descriptors = describe(model, reduced(frames_of(folder, drive)))
    return descriptors @ descriptors.T, overlaps((folder / drive.name).with_suffix(".jsonl"))


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


def validate(folder: Path, model: Path) -> None:
    """Prints how laps are found and streets that look alike are told apart, over one threshold for all."""
    kept = [(drive, *similarities(folder, drive, model)) for drive in VALIDATION]
    for frames, least in ((1, 1), (5, 1), (15, 1), (30, 1), (30, 5)):
        highest = -1.0
        laps: list[LapFigures] = []
        print(f"similarity over {frames} frame{'s' if frames > 1 else ''}, at least {least}")
        for drive, similarity, overlap in kept:
            similarity = averaged(similarity, frames, least)
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
        for least_similarity in (0.6, 0.66):
            shares = [float((one.right & (one.best >= least_similarity)).sum() / one.asked) for one in laps]
            print(f"  at {least_similarity}: recall {np.mean(shares):.3f} {np.round(shares, 3)}", flush=True)
