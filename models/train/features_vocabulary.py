"""Trains town-words, the vocabulary of town-features' descriptors, by Framewise's own command.

    python models/train/features_vocabulary.py --data DIR --features models/town/town-features.onnx \\
        --out models/town/town-words.fwv

It writes some pictures of the training sets as PNG into DIR/words, since the command reads images and videos,
and leaves them there.
"""

from __future__ import annotations

import argparse
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np

from world_data import REPOSITORY, WorldSet


def png(pixels: np.ndarray) -> bytes:
    """A picture [h, w, 3] of bytes as a PNG file."""
    height, width, _ = pixels.shape
    rows = np.zeros((height, 1 + width * 3), np.uint8)  # each row begins with its filter: 0, none
    rows[:, 1:] = pixels.reshape(height, -1)

    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = kind + content
        return struct.pack(">I", len(content)) + checked + struct.pack(">I", zlib.crc32(checked))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows.tobytes(), 1)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def write_pictures(folder: Path, names: list[str], every: int) -> Path:
    """Writes every so many frames of the sets; files that are there are kept."""
    out = folder / f"words-{every}"
    out.mkdir(exist_ok=True)
    for name in names:
        data = WorldSet(folder, name)
        for frame in range(0, len(data.rgb), every):
            path = out / f"{name}-{frame:05}.png"
            if not path.exists():
                path.write_bytes(png(np.asarray(data.rgb[frame])))
    return out


def main() -> None:
    """Writes the pictures and runs the command."""
    parser = argparse.ArgumentParser(description="Trains the vocabulary of town-features.")
    parser.add_argument("--data", type=Path, required=True, help="folder with the sets of world_data.py")
    parser.add_argument("--features", type=Path, required=True, help="the ONNX file")
    parser.add_argument("--out", type=Path, required=True, help="the vocabulary, .fwv")
    parser.add_argument("--every", type=int, default=64, help="frames from one picture to the next")
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--levels", type=int, default=4)
    parser.add_argument("--most", type=int, default=60_000, help="descriptors")
    parser.add_argument("--sets", nargs="+", default=["train_a", "train_b"])
    parser.add_argument("--deno", default="deno", help='how Deno is called, such as "npx deno"')
    arguments = parser.parse_args()
    pictures = write_pictures(arguments.data, arguments.sets, arguments.every)
    subprocess.run(
        [*arguments.deno.split(), "task", "--quiet", "framewise", "vocabulary", "train", str(pictures.resolve())]
        + ["--features", str(arguments.features.resolve()), "--out", str(arguments.out.resolve())]
        + ["--k", str(arguments.k), "--levels", str(arguments.levels)]
        + ["--max-descriptors", str(arguments.most), "--seed", "1", "--quiet"],
        cwd=REPOSITORY,
        check=True,
    )
    print(f"{arguments.out}: {arguments.out.stat().st_size} bytes", flush=True)


if __name__ == "__main__":
    main()
