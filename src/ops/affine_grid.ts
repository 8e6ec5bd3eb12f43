/**
 * AffineGrid: the positions at which GridSample reads, from an affine map for each image.
 * {@link https://onnx.ai/onnx/operators/onnx__AffineGrid.html}
 *
 * @module
 */
import AFFINE_GRID from "../../shaders/sample/affine_grid.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { hostTensor } from "../tensor/host_tensor.ts";
import { attr } from "./attribute.ts";
import type { NodeContext, Operator } from "./operator.ts";

const affineGridKernel: KernelSource = { name: "sample/affine_grid", wgsl: AFFINE_GRID };

/** Batch and spatial extents of the grid. */
function gridExtents(node: NodeContext): { n: number; spatial: number[] } {
  const size = node.numbers(1, "size") ?? node.fail("no size is given", "export the model again");
  const [n, , ...spatial] = size;
  const rank = spatial.length;
  const theta = node.shape(0);
  const fits = (rank === 2 || rank === 3) && theta.length === 3 && theta[0] === n && theta[1] === rank &&
    theta[2] === rank + 1;
  if (!fits || size.some((extent) => extent < 0)) {
    node.fail(
      `theta [${theta.join(", ")}] does not map a size of [${size.join(", ")}]`,
      "theta is [N, 2, 3] for [N, C, H, W] and [N, 3, 4] for [N, C, D, H, W]",
    );
  }
  return { n: n!, spatial };
}

function aligned(node: NodeContext): boolean {
  return attr.int(node.node, "align_corners", 0) === 1;
}

/** Position `at` of `extent`, from -1 to 1. */
function coordinate(at: number, extent: number, align: boolean): number {
  if (!align) return (2 * at + 1) / extent - 1;
  return extent === 1 ? 1 : -1 + at * 2 / (extent - 1);
}

/** AffineGrid. */
export const affineGrid: Operator = {
  op: "AffineGrid",
  opsets: [20, 99],
  infer(node) {
    const { n, spatial } = gridExtents(node);
    return [{ dtype: node.type(0).dtype, shape: [n, ...spatial, spatial.length] }];
  },
  evaluate(node, [theta]) {
    const { n, spatial } = gridExtents(node);
    const rank = spatial.length;
    const align = aligned(node);
    let positions: number[][] = [[]];
    // The width is listed first.
    for (const extent of spatial) {
      const along = Array.from({ length: extent }, (_, at) => coordinate(at, extent, align));
      positions = positions.flatMap((outer) => along.map((one) => [one, ...outer]));
    }
    const rows = Array.from(
      { length: n * rank },
      (_, row) => Array.from({ length: rank + 1 }, (_, i) => Number(theta!.data[row * (rank + 1) + i])),
    );
    const data = Array.from(
      { length: n },
      (_, image) =>
        positions.flatMap((position) =>
          rows.slice(image * rank, (image + 1) * rank).map((row) =>
            [...position, 1].reduce((sum, one, i) => sum + one * row[i]!, 0)
          )
        ),
    ).flat();
    return [hostTensor(theta!.dtype, [n, ...spatial, rank], data)];
  },
  lower(node) {
    const { n, spatial } = gridExtents(node);
    const [h, w] = spatial.slice(-2) as [number, number];
    const d = spatial.length === 3 ? spatial[0]! : 1;
    const theta = node.linear(0);
    const y = node.output(0, "linear");
    const count = n * d * h * w;
    node.emit({
      kernel: affineGridKernel,
      options: { overrides: { RANK: spatial.length, ALIGN: aligned(node) } },
      bindings: { theta, y },
      uniforms: { count, d, h, w, theta_offset: theta.offset, y_offset: y.offset },
      workgroups: foldWorkgroups(Math.ceil(count / 64)),
    });
  },
};
