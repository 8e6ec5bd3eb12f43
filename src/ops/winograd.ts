/**
 * Winograd's convolution with 3x3 kernels: output tiles of 2x2 or 4x4 pixels take 16 or 36 products of a channel pair in
 * place of 36 or 144. S. Winograd, Arithmetic Complexity of Computations, 1980; A. Lavin and S. Gray, Fast Algorithms for
 * Convolutional Neural Networks, 2015 ({@link https://arxiv.org/abs/1509.09308}).
 *
 * Three dispatches: input tiles transformed, a product of matrices for each position in a tile, and their sums as output.
 * What lies between them is a temporary in the plan's memory, and bounded: large images are done in several passes.
 *
 * @module
 */
import WINOGRAD_INPUT_2 from "../../shaders/conv/winograd_input_2x2.wgsl" with { type: "text" };
import WINOGRAD_INPUT_4 from "../../shaders/conv/winograd_input_4x4.wgsl" with { type: "text" };
import WINOGRAD_OUTPUT_2 from "../../shaders/conv/winograd_output_2x2.wgsl" with { type: "text" };
import WINOGRAD_OUTPUT_4 from "../../shaders/conv/winograd_output_4x4.wgsl" with { type: "text" };
import WINOGRAD_PRODUCT from "../../shaders/conv/winograd_product.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelOptions, type KernelSource, type KernelTarget } from "../gpu/mod.ts";
import type { PlannedEpilogue } from "./epilogue.ts";
import { type LayerChoice, whyChosen } from "./kernel_choice.ts";
import { broadcastWeights, LANE_BUILTIN, TEXTURE_WEIGHTS, tiled } from "./kernel_text.ts";
import {
  type Addressed,
  addressUniforms,
  type Lowering,
  type WeightForm,
  type WeightRef,
} from "./operator.ts";
import type { View } from "../tensor/view.ts";
import {
  PRODUCT_TILES,
  productCost,
  whyWinograd,
  type WinogradShape,
  type WinogradTile,
  winogradTiles,
} from "./winograd_choice.ts";

const INPUT: Readonly<Record<WinogradTile, KernelSource>> = {
  2: { name: "conv/winograd_input_2x2", wgsl: WINOGRAD_INPUT_2 },
  4: { name: "conv/winograd_input_4x4", wgsl: WINOGRAD_INPUT_4 },
};
const PRODUCT: KernelSource = { name: "conv/winograd_product", wgsl: WINOGRAD_PRODUCT };
const OUTPUT: Readonly<Record<WinogradTile, KernelSource>> = {
  2: { name: "conv/winograd_output_2x2", wgsl: WINOGRAD_OUTPUT_2 },
  4: { name: "conv/winograd_output_4x4", wgsl: WINOGRAD_OUTPUT_4 },
};

const [R, S] = [Math.SQRT1_2, Math.SQRT2];

/**
 * What a kernel is multiplied with from the left and, transposed, from the right. The interpolation is at 0, 1, -1 and
 * infinity, or at 0, +-sqrt(1/2), +-sqrt(2) and infinity.
 */
const KERNEL_TRANSFORM: Readonly<Record<WinogradTile, readonly (readonly [number, number, number])[]>> = {
  2: [[1, 0, 0], [1 / 2, 1 / 2, 1 / 2], [1 / 2, -1 / 2, 1 / 2], [0, 0, 1]],
  4: [
    [1, 0, 0],
    [-2 / 3, -2 / 3 * R, -1 / 3],
    [-2 / 3, 2 / 3 * R, -1 / 3],
    [1 / 6, S / 6, 1 / 3],
    [1 / 6, -S / 6, 1 / 3],
    [0, 0, 1],
  ],
};

/**
 * Bytes of the transformed input of one pass, and of its products, at most. Smaller passes stay in caches, but each parts
 * three times: on llvmpipe 2 to 64 MiB take the same time to within a tenth.
 */
const PASS_BYTES = 8 << 20;

/** Constant weights in the order [outC, inC, 9], and bias. */
export interface WinogradConstants {
  /** Names them within the node. */
  key: string;
  weights(): ArrayLike<number>;
  bias: WeightRef;
}

/** How the products are computed. */
interface ProductTile {
  /** Tiles of an invocation. */
  p: number;
  /** Groups of output channels of an invocation. */
  q: number;
  /** Invocations of a workgroup. */
  wg: number;
  weights: WeightForm;
  options: KernelOptions;
}

/** Tiles of each pass, so that neither temporary is larger than `bytes`: all passes but the last have the same. */
export function winogradPass(
  { inC, outC }: Pick<WinogradShape, "inC" | "outC">,
  tile: WinogradTile,
  tiles: number,
  bytes: number = PASS_BYTES,
): number {
  const tileBytes = (tile + 2) ** 2 * 16 * Math.ceil(Math.max(inC, outC) / 4);
  const most = Math.max(64, Math.floor(bytes / tileBytes / 64) * 64);
  const passes = Math.ceil(tiles / most);
  return Math.min(tiles, Math.ceil(tiles / passes / 64) * 64);
}

/**
 * A kernel's weights, transformed, in the order in which `conv/winograd_product` takes them.
 *
 * @param weights in the order [outC, inC, 9].
 * @param q channel groups of an invocation.
 */
export function transformWeights(
  weights: ArrayLike<number>,
  { inC, outC }: Pick<WinogradShape, "inC" | "outC">,
  tile: WinogradTile,
  q: number,
): Float32Array<ArrayBuffer> {
  const size = tile + 2;
  const matrix = KERNEL_TRANSFORM[tile].flat();
  const [inC4, outC4] = [Math.ceil(inC / 4), Math.ceil(outC / 4)];
  const product = Math.ceil(outC4 / q) * inC4 * q * 16;
  const packed = new Float32Array(size * size * product);
  const rows = new Float64Array(size * 3);
  // Four by four channels at a time lie together: what is written there in one go is written to memory once.
  const together = new Float32Array(size * size * 16);
  for (let co4 = 0; co4 < outC4; co4++) {
    for (let ci4 = 0; ci4 < inC4; ci4++) {
      together.fill(0);
      for (let pair = 0; pair < 16; pair++) {
        const [co, ci] = [4 * co4 + (pair & 3), 4 * ci4 + (pair >> 2)];
        if (co >= outC || ci >= inC) continue;
        const from = (co * inC + ci) * 9;
        for (let x = 0; x < 3; x++) {
          const [a, b, c] = [weights[from + x]!, weights[from + 3 + x]!, weights[from + 6 + x]!];
          for (let i = 0; i < size; i++) {
            rows[i * 3 + x] = matrix[i * 3]! * a + matrix[i * 3 + 1]! * b + matrix[i * 3 + 2]! * c;
          }
        }
        for (let i = 0, at = pair; i < size; i++) {
          const [a, b, c] = [rows[i * 3]!, rows[i * 3 + 1]!, rows[i * 3 + 2]!];
          for (let j = 0; j < size; j++, at += 16) {
            together[at] = matrix[j * 3]! * a + matrix[j * 3 + 1]! * b + matrix[j * 3 + 2]! * c;
          }
        }
      }
      let to = ((Math.floor(co4 / q) * inC4 + ci4) * q + co4 % q) * 16;
      for (let position = 0; position < size * size; position++, to += product) {
        for (let pair = 0; pair < 16; pair++) packed[to + pair] = together[position * 16 + pair]!;
      }
    }
  }
  return packed;
}

/** Emits the convolution. */
export function emitWinograd(
  node: Lowering,
  shape: WinogradShape,
  tile: WinogradTile,
  x: Addressed,
  y: Addressed,
  constants: WinogradConstants,
  epilogue: PlannedEpilogue,
  choice: LayerChoice,
): void {
  const { inC, outC, out: [outH, outW], padBegin: [padTop, padLeft] } = shape;
  const { tilesH, tilesW, tiles } = winogradTiles(shape, tile);
  const most = winogradPass(shape, tile, tiles);
  const positions = (tile + 2) ** 2;
  const [inC4, outC4] = [Math.ceil(inC / 4), Math.ceil(outC / 4)];
  const product = productTile(most, inC4, outC4, node.target);
  const weights = node.weights(
    `${constants.key} weights, tiles of ${tile} for ${product.q}, ${product.weights}`,
    () => transformWeights(constants.weights(), shape, tile, product.q),
    product.weights,
  );
  // What lies there is up to 26 times as large as the input: 16 bits would cut it off.
  const room = (channels4: number): View =>
    node.temporary({ dtype: "f32", shape: [positions * channels4 * most * 4] }, "linear", true);
  const [transformed, products] = [room(inC4), room(outC4)];
  const why = whyChosen(choice, () => whyWinograd(shape, tile, node.target));
  const place = { tiles_h: tilesH, tiles_w: tilesW };
  for (let first = 0; first < tiles; first += most) {
    const count = Math.min(most, tiles - first);
    const [input, output] = [inC4, outC4].map((channels4) => transformGrid(count, channels4));
    node.emit({
      kernel: INPUT[tile],
      options: { overrides: { WG: input!.wg } },
      bindings: { x: x.view, y: transformed },
      uniforms: {
        ...addressUniforms("x", x.address),
        in_h: x.address.h,
        in_w: x.address.w,
        in_c4: inC4,
        // Kernels take them as i32: a window may begin behind the image's edge.
        pad_top: padTop >>> 0,
        pad_left: padLeft >>> 0,
        ...place,
        first_tile: first,
        tiles: count,
      },
      workgroups: foldWorkgroups(input!.workgroups),
      choice,
    });
    node.emit({
      kernel: PRODUCT,
      options: product.options,
      bindings: { x: transformed, weights, y: products },
      uniforms: { tiles: count, in_c4: inC4, out_c4: outC4, positions },
      workgroups: foldWorkgroups(
        Math.ceil(count / (product.wg * product.p)) * Math.ceil(outC4 / product.q) * positions,
      ),
      multiplyAdds: positions * count * inC * outC,
      why,
      choice,
    });
    node.emit({
      kernel: OUTPUT[tile],
      options: { overrides: { WG: output!.wg }, inject: epilogue.inject },
      bindings: { x: products, bias: constants.bias, y: y.view, ...epilogue.bindings },
      uniforms: {
        ...addressUniforms("y", y.address),
        out_h: outH,
        out_w: outW,
        out_c: outC,
        out_c4: outC4,
        ...place,
        first_tile: first,
        tiles: count,
        operands: epilogue.operands,
      },
      workgroups: foldWorkgroups(output!.workgroups),
      choice,
    });
  }
}

/** Chooses the invocation's tile of the products. */
function productTile(tiles: number, inC4: number, outC4: number, target: KernelTarget): ProductTile {
  const subgroups = target.software && target.subgroups;
  const wg = target.software ? 8 : 64;
  const cost = ([p, q]: readonly [number, number]): number =>
    productCost({ tiles: tiles * 8 / wg, inC4, outC4 }, p, q);
  const [p, q] = PRODUCT_TILES.reduce((best, one) => cost(one) < cost(best) ? one : best);
  const atOnce = subgroups ? 2 : 1;
  const options = tiled({ WG: wg }, { P: p, Q: q, AT_ONCE: atOnce, BLOCKS: q / atOnce });
  if (!subgroups) return { p, q, wg, options, weights: "buffer" };
  const inject = {
    ...options.inject,
    builtins: LANE_BUILTIN,
    load: broadcastWeights("weight(at + (lane & 7u))"),
    weights: TEXTURE_WEIGHTS,
  };
  return { p, q, wg, options: { ...options, inject }, weights: "texture" };
}

/** The grid of a transform. Small ones are spread over all cores by small workgroups. */
function transformGrid(tiles: number, channels4: number): { wg: number; workgroups: number } {
  const invocations = Math.ceil(tiles / 8) * 8 * channels4;
  const wg = invocations < 2048 ? 16 : 64;
  return { wg, workgroups: Math.ceil(invocations / wg) };
}
