/**
 * GridSample: an image or volume read at positions that another tensor gives.
 * {@link https://onnx.ai/onnx/operators/onnx__GridSample.html}
 *
 * @module
 */
import GRID from "../../shaders/sample/grid.wgsl" with { type: "text" };
import GRID_3D from "../../shaders/sample/grid_3d.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { elementCount, type HostTensor, hostTensor } from "../tensor/host_tensor.ts";
import { attr } from "./attribute.ts";
import { addressUniforms, type Lowering, type NodeContext, type Operator } from "./operator.ts";
import { roundHalfEven } from "./rounding.ts";
import { volumeInput, volumeOutput, volumeUniforms } from "./volume.ts";

const planeKernel: KernelSource = { name: "sample/grid", wgsl: GRID };
const volumeKernel: KernelSource = { name: "sample/grid_3d", wgsl: GRID_3D };

/** The modes and paddings, in the order of the kernels' numbers for them. */
const MODES = ["linear", "nearest", "cubic"];
const PADDINGS = ["zeros", "border", "reflection"];

/** How a GridSample reads. */
interface Sampling {
  mode: number;
  padding: number;
  align: boolean;
}

function samplingOf(node: NodeContext): Sampling {
  const given = attr.string(node.node, "mode", "linear");
  const mode = given === "bilinear" ? "linear" : given === "bicubic" ? "cubic" : given;
  const padding = attr.string(node.node, "padding_mode", "zeros");
  if (!MODES.includes(mode)) node.fail(`mode "${given}" is unknown`, `use one of ${MODES.join(", ")}`);
  if (!PADDINGS.includes(padding)) {
    node.fail(`padding_mode "${padding}" is unknown`, `use one of ${PADDINGS.join(", ")}`);
  }
  if (mode === "cubic" && node.shape(0).length !== 4) {
    node.fail(`samples rank ${node.shape(0).length} in mode cubic`, "use linear or nearest for volumes");
  }
  return {
    mode: MODES.indexOf(mode),
    padding: PADDINGS.indexOf(padding),
    align: attr.int(node.node, "align_corners", 0) === 1,
  };
}

function sampledShape(node: NodeContext): number[] {
  const [x, grid] = [node.shape(0), node.shape(1)];
  const rank = x.length - 2;
  const fits = (rank === 2 || rank === 3) && grid.length === x.length && grid.at(-1) === rank &&
    grid[0] === x[0];
  if (!fits) {
    node.fail(
      `samples [${x.join(", ")}] at a grid of [${grid.join(", ")}]`,
      "the grid is [N, H, W, 2] for [N, C, H, W] and [N, D, H, W, 3] for [N, C, D, H, W]",
    );
  }
  const shape = [x[0]!, x[1]!, ...grid.slice(1, -1)];
  if (elementCount(shape) > 0 && elementCount(x) === 0) {
    node.fail(`samples [${x.join(", ")}], which has no elements`, "give a larger input");
  }
  return shape;
}

/** GridSample. */
export const gridSample: Operator = {
  op: "GridSample",
  opsets: [16, 99],
  layout: "image",
  infer(node) {
    samplingOf(node);
    return [{ dtype: node.type(0).dtype, shape: sampledShape(node) }];
  },
  evaluate: (node, [x, grid]) => [sampleHost(x!, grid!, sampledShape(node), samplingOf(node))],
  lower(node) {
    const { mode, padding, align } = samplingOf(node);
    const options = { overrides: { MODE: mode, PADDING: padding, ALIGN: align } };
    if (node.shape(0).length === 4) lowerPlane(node, options);
    else lowerVolume(node, options);
  },
};

function lowerPlane(node: Lowering, options: { overrides: Record<string, number | boolean> }): void {
  const x = node.image(0);
  const grid = node.linear(1);
  const y = node.imageOutput(0);
  const { n, c, c4, h, w } = y.address;
  const count = n * h * w * c4;
  node.emit({
    kernel: planeKernel,
    options,
    bindings: { x: x.view, grid, y: y.view },
    uniforms: {
      count,
      c,
      c4,
      in_h: x.address.h,
      in_w: x.address.w,
      out_h: h,
      out_w: w,
      grid_offset: grid.offset,
      ...addressUniforms("x", x.address),
      ...addressUniforms("y", y.address),
    },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  });
}

function lowerVolume(node: Lowering, options: { overrides: Record<string, number | boolean> }): void {
  const x = volumeInput(node, 0);
  const grid = node.linear(1);
  const y = volumeOutput(node, 0);
  const { n, c, c4, d, h, w } = y.address;
  const count = n * d * h * w * c4;
  node.emit({
    kernel: volumeKernel,
    options,
    bindings: { x: x.view, grid, y: y.view },
    uniforms: {
      count,
      c,
      c4,
      in_d: x.address.d,
      in_h: x.address.h,
      in_w: x.address.w,
      out_d: d,
      out_h: h,
      out_w: w,
      grid_offset: grid.offset,
      ...volumeUniforms("x", x.address),
      ...volumeUniforms("y", y.address),
    },
    workgroups: foldWorkgroups(Math.ceil(count / 64)),
  });
}

/** A position from -1 to 1 in elements of a dimension. */
function inElements(at: number, extent: number, align: boolean): number {
  return align ? (at + 1) / 2 * (extent - 1) : ((at + 1) * extent - 1) / 2;
}

/** A position mirrored, as often as need be, into the span from the first element to the last. */
function mirrored(at: number, extent: number, align: boolean): number {
  const [low, span] = align ? [0, extent - 1] : [-0.5, extent];
  if (span <= 0) return 0;
  const away = Math.abs(at - low);
  const turns = Math.floor(away / span);
  const rest = away - turns * span;
  return low + (turns % 2 === 1 ? span - rest : rest);
}

/** Elements of one dimension and their weights at a position; index -1 stands for zero. */
function taps(position: number, extent: number, { mode, padding, align }: Sampling): [number, number][] {
  let at = inElements(position, extent, align);
  const clamp = (index: number): number => Math.min(Math.max(index, 0), extent - 1);
  const element = (index: number): number => {
    if (padding === 0) return index >= 0 && index < extent ? index : -1;
    return padding === 1 ? clamp(index) : clamp(roundHalfEven(mirrored(index, extent, align)));
  };
  if (mode === 2) {
    const low = Math.floor(at);
    return [-1, 0, 1, 2].map((step) => [element(low + step), keys(Math.abs(at - low - step))]);
  }
  if (padding === 1) at = clamp(at);
  if (padding === 2) at = clamp(mirrored(at, extent, align));
  if (mode === 1) return [[element(roundHalfEven(at)), 1]];
  const low = Math.floor(at);
  return [[element(low), 1 - (at - low)], [element(low + 1), at - low]];
}

/** Keys' cubic kernel, of coefficient -0.75 (1981). */
function keys(distance: number): number {
  const a = -0.75;
  if (distance <= 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  return distance < 2 ? ((a * distance - 5 * a) * distance + 8 * a) * distance - 4 * a : 0;
}

function sampleHost(
  x: HostTensor,
  grid: HostTensor,
  shape: readonly number[],
  sampling: Sampling,
): HostTensor {
  const [n, c, ...spatial] = x.shape as [number, number, ...number[]];
  const rank = spatial.length;
  const [plane, positions] = [elementCount(spatial), elementCount(shape.slice(2))];
  const out = new Array<number>(elementCount(shape)).fill(0);
  for (let image = 0; image < n; image++) {
    for (let position = 0; position < positions; position++) {
      const at = (image * positions + position) * rank;
      let mix: [number, number][] = [[0, 1]];
      for (const [axis, extent] of spatial.entries()) {
        // The grid lists the last dimension first.
        const along = taps(Number(grid.data[at + rank - 1 - axis]), extent, sampling);
        mix = mix.flatMap(([offset, weight]) =>
          along.map(([index, own]): [number, number] =>
            offset < 0 || index < 0 ? [-1, 0] : [offset * extent + index, weight * own]
          )
        );
      }
      for (let channel = 0; channel < c; channel++) {
        const start = (image * c + channel) * plane;
        out[(image * c + channel) * positions + position] = mix.reduce(
          (sum, [offset, weight]) => offset < 0 ? sum : sum + weight * Number(x.data[start + offset]),
          0,
        );
      }
    }
  }
  return hostTensor(x.dtype, shape, out);
}
