"""Gives a trained global descriptor two numbers of the light, so that pictures in other light can be told by it.

The descriptor keeps its length: 126 numbers of the place, which are the 128 without the two directions that say
least, then 2 of the light, small enough to hardly matter in an inner product.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from place_data import BOTTOM, OFFSET, TOP, TRAINING, WIDTH, drive_pictures, frames_of, reduced
from place_score import describe

# Numbers of the light. There are three lights, which two directions part.
LIGHT = 2
# How a spread of one, among pictures in one light, is written into the descriptor.
SCALE = 0.01
# Regions of the rows that the network looks at: how many down and across, and their size in pixels.
DOWN, ACROSS = 6, 5
REGION = ((BOTTOM - TOP) // DOWN, WIDTH // ACROSS)
MEANS = 3 * DOWN * ACROSS


def region_means(pixels: np.ndarray) -> np.ndarray:
    """[n, 3, 120, 160] to [n, 90]: means of the logarithms, by channel and region."""
    logs = np.log(pixels[:, :, TOP:BOTTOM].astype(np.float32) + OFFSET)
    parts = logs.reshape(len(pixels), 3, DOWN, REGION[0], ACROSS, REGION[1])
    return parts.mean((3, 5)).reshape(len(pixels), MEANS)


def light_directions(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Weights [2, 90] and bias [2] that part the lights of the training drives (Fisher's linear discriminant).

    Pictures of one drive are in one light; drives of one town, from the same poses, in three.
    """
    means: dict[int, list[np.ndarray]] = {}
    within, total = np.zeros((MEANS, MEANS)), np.zeros(MEANS)
    count = 0
    for drive in TRAINING:
        features = np.concatenate(
            [region_means(reduced(part)) for part in np.array_split(frames_of(folder, drive), 4)]
        ).astype(np.float64)
        within += np.cov(features.T) * len(features)
        total += features.sum(0)
        count += len(features)
        means.setdefault(drive.seed, []).append(features.mean(0))
    within /= count
    within += 1e-3 * np.trace(within) / len(within) * np.eye(len(within))
    pairs = np.array([a - b for lights in means.values() for i, a in enumerate(lights) for b in lights[:i]])
    whiten = np.linalg.inv(np.linalg.cholesky(within))
    values, vectors = np.linalg.eigh(whiten @ (pairs.T @ pairs / len(pairs)) @ whiten.T)
    weights = vectors[:, ::-1][:, :LIGHT].T @ whiten
    print(f"spread between lights over that within: {np.sqrt(values[::-1][:4]).round(1)}")
    return weights, -weights @ (total / count)


def place_directions(folder: Path, model: Path) -> np.ndarray:
    """[126, 128]: all but the least directions of the descriptors of the training drives' spots."""
    pixels = drive_pictures(folder, TRAINING, 0).pixels
    descriptors = describe(model, pixels).astype(np.float64)
    values, vectors = np.linalg.eigh(descriptors.T @ descriptors / len(descriptors))
    print(f"share of the descriptors that is left out: {values[:LIGHT].sum() / values.sum():.5f}")
    return vectors[:, LIGHT:].T


def add_light(folder: Path, model: Path, out: Path) -> None:
    """Writes the trained network of `model` with the light added."""
    import onnx
    from onnx import helper, numpy_helper

    network = onnx.load(model)
    graph = network.graph
    constants = {constant.name: constant for constant in graph.initializer}
    if "light.weight" in constants:
        raise SystemExit(f"{model} has the light already; give the network that `train` wrote")
    logs = next(node.output[0] for node in graph.node if node.op_type == "Log")
    keep = place_directions(folder, model)
    weights, bias = light_directions(folder)

    def put(name: str, values: np.ndarray) -> None:
        if name in constants:
            graph.initializer.remove(constants[name])
        graph.initializer.append(numpy_helper.from_array(values.astype(np.float32), name))

    for name in ("head.weight", "head.bias"):
        put(name, keep @ numpy_helper.to_array(constants[name]))
    put("light.weight", SCALE * weights)
    put("light.bias", SCALE * bias)
    graph.node[-1].output[0] = "place"
    graph.node.extend(
        [
            helper.make_node("AveragePool", [logs], ["regions"], kernel_shape=REGION, strides=REGION),
            helper.make_node("Flatten", ["regions"], ["means"], axis=1),
            helper.make_node("Gemm", ["means", "light.weight", "light.bias"], ["light"], transB=1),
            helper.make_node("Concat", ["place", "light"], ["both"], axis=1),
            helper.make_node("ReduceL2", ["both"], ["length"], axes=[1], keepdims=1),
            helper.make_node("Div", ["both", "length"], ["descriptor"]),
        ]
    )
    # The sizes that the exporter noted are those of the network before.
    del graph.value_info[:]
    onnx.checker.check_model(onnx.shape_inference.infer_shapes(network, strict_mode=True), full_check=True)
    onnx.save(network, out)
    print(f"{out}: {out.stat().st_size} bytes")
