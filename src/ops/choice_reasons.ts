/**
 * Why a kernel was chosen, in words: what `framewise profile --why` tells.
 *
 * @module
 */
import type { KernelOptions, KernelTarget } from "../gpu/mod.ts";
import type { ConvShape } from "./conv_shape.ts";
import type { ProductExtents } from "./product_candidates.ts";
import { MAX_ITERATIONS } from "./strided.ts";

/** What was chosen. */
interface Choice {
  kernel: { readonly name: string };
  options: KernelOptions;
}

/**
 * Why a convolution runs on its kernel.
 *
 * @param choice `undefined` for the general kernel.
 */
export function whyConvolution(shape: ConvShape, target: KernelTarget, choice: Choice | undefined): string {
  const { inC, outC, groups, kernel: [kh, kw] } = shape;
  const perGroup = `${inC / groups}>${outC / groups} channels${groups > 1 ? " a group" : ""}`;
  if (!choice) {
    if (target.plain) return "the session asks for the plain kernels";
    if (groups > 1 && groups === inC && groups === outC) {
      return `depthwise with ${kh * kw} taps, too many to unroll`;
    }
    if (groups > 1 && (inC / groups % 4 !== 0 || outC / groups % 4 !== 0)) {
      return `${groups} groups of ${perGroup}, which are no whole vec4s`;
    }
    return `a window of ${kh}x${kw} over ${
      inC / groups
    } channels would loop more than ${MAX_ITERATIONS} times`;
  }
  const constant = (name: string): number => Number(choice.options.overrides?.[name]);
  const tile = `${constant("P")} pixels x ${4 * constant("Q")} channels an invocation`;
  switch (choice.kernel.name) {
    case "conv/depthwise":
      return `depthwise with ${kh * kw} taps: the window is unrolled, ${constant("R")}x${
        constant("P")
      } outputs of ` +
        `4 channels an invocation share their loads; workgroups of ${constant("WG")}` +
        (constant("WG") < 64 ? ", since there are few tiles to spread over the cores" : "");
    case "conv/gemm_tiled":
      return `hardware, and ${perGroup} (16 or more on both sides): tiles in workgroup memory`;
    case "conv/stationary":
      return `software, and a window of ${kh}x${kw} over ${inC} channels, whose weights registers hold: they stay while ` +
        `${SHARING[constant("STREAMS")]} from pixel to pixel, ${4 * constant("Q")} channels an invocation`;
    case "conv/implicit_gemm":
      return `${
        whereRegisters(target, perGroup)
      }, and a window of ${kh}x1, in which no column is shared: a product ` +
        `of pixels and channels, ${tile}${broadcast(choice)}`;
    case "conv/direct":
      return `${
        whereRegisters(target, perGroup)
      }, and a window ${kw} wide: columns are loaded once for all of its ` +
        `taps, ${tile}${broadcast(choice)}`;
    default:
      return `chosen for ${perGroup}, a window of ${kh}x${kw}`;
  }
}

/** Who goes through the pixels together, by the number of streams. */
const SHARING: Readonly<Record<number, string>> = {
  1: "eight invocations go",
  2: "quads of invocations go",
  4: "pairs of invocations go",
  8: "each invocation goes",
};

/** Why a matrix product runs on its kernel. */
export function whyProduct(
  { rows, columns }: ProductExtents,
  { kernel, options }: Choice,
  inTexture: boolean,
): string {
  const constant = (name: string): number => Number(options.overrides?.[name]);
  const tile = `${constant("P")} rows x ${4 * constant("Q")} columns an invocation`;
  switch (kernel.name) {
    case "gemm/tiled":
      return `hardware, and ${rows} rows (8 or more): ${constant("TILE_ROWS")} rows x ` +
        `${4 * constant("TILE_COLUMNS4")} columns in workgroup memory, ${tile}`;
    case "gemm/subgroup":
      return `software with subgroups, and ${rows} rows (8 or more): eight invocations load for all, ${tile}` +
        (inTexture ? ", weights from a texture" : "");
    case "gemm/register":
      return rows < 8
        ? `${rows} rows, too few to share what is read of the other factor: columns of its own for each invocation`
        : `software without subgroups, and ${rows} x ${columns} results: sums in registers, ${tile}`;
    default:
      return `chosen for ${rows} rows`;
  }
}

/** Why not the kernel with tiles in workgroup memory. */
function whereRegisters({ software }: KernelTarget, perGroup: string): string {
  return software
    ? "software, where workgroup memory is no faster than any other"
    : `${perGroup}, too few to fill tiles in workgroup memory`;
}

function broadcast({ options }: Choice): string {
  return options.inject?.load === undefined ? "" : "; weights are loaded by eight invocations for all";
}
