/**
 * Sums of products of bytes: what quantised convolutions and matrix products have in common. Bytes are packed four to a
 * word, and multiplied by packed dot products where the adapter has them.
 *
 * @module
 */
import CONV_PACKED from "../../shaders/quantize/conv_packed.wgsl" with { type: "text" };
import PACK from "../../shaders/quantize/pack.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import type { DType } from "../tensor/dtype.ts";
import type { ImageAddress, View } from "../tensor/view.ts";
import { attr } from "./attribute.ts";
import { convLayer } from "./conv_shape.ts";
import { type Candidate, inOrder, whyChosen } from "./kernel_choice.ts";
import { addressUniforms, type Lowering, type NodeContext, type WeightRef } from "./operator.ts";
import { quantizedRange, requireBytes, single } from "./quantization.ts";
import { type Window, windowUniforms } from "./window.ts";

const convPacked: KernelSource = { name: "quantize/conv_packed", wgsl: CONV_PACKED };
const pack: KernelSource = { name: "quantize/pack", wgsl: PACK };

/** What is done with the sums: kept as they are, or brought to 8 bits. */
export interface Finish {
  readonly inject: Readonly<Record<string, string>>;
  readonly bindings: Readonly<Record<string, WeightRef>>;
  readonly uniforms: Readonly<Record<string, number>>;
}

/** The sums themselves. */
export const KEEP_SUMS: Finish = { inject: {}, bindings: {}, uniforms: { y_zero: 0, low: 0, high: 0 } };

/** What unsigned bytes are less by to be signed, as packed dot products take them. */
export function signShift(dtype: DType): number {
  return dtype === "u8" ? 128 : 0;
}

/** An image that a kernel writes: words, or packed bytes as {@linkcode packBytes} makes them. */
export interface ByteImage {
  view: View;
  /** In `vec4`s, or in packed words. */
  address: ImageAddress;
  inject: Readonly<Record<string, string>>;
  shift: number;
}

/** For `//#inject store`. */
const STORE_PACKED = `@group(0) @binding(3) var<storage, read_write> y: array<u32>;
fn store(at: u32, value: vec4i, lanes: vec4<bool>) {
  let bytes = vec4u(select(vec4i(), value - params.y_shift, lanes)) & vec4u(255u);
  y[at] = bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
}`;

/** For `//#inject source`. */
const LOAD_PACKED = `@group(0) @binding(0) var<storage, read_write> x: array<i32>;
fn load(at: u32) -> vec4i {
  let word = x[at];
  return ((vec4i(word) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u)) + params.x_shift;
}`;

/**
 * Whether input `index` lies packed: convolutions that a pass marked hand bytes to one another so, as views of words
 * `[n, h, w, c / 4]`.
 */
export function isPacked(node: Lowering, index: number): boolean {
  return node.view(index).dtype !== node.type(index).dtype;
}

/** Input 0 as an image of words or of packed bytes. */
export function byteInput(node: Lowering): ByteImage {
  if (!isPacked(node, 0)) return { ...node.image(0), inject: {}, shift: 0 };
  const view = node.view(0);
  const inject = { source: LOAD_PACKED };
  return { view, address: packedAddress(view, node.shape(0)), inject, shift: signShift(node.type(0).dtype) };
}

/** Output 0 as an image of words, or of packed bytes where the pass allows it. */
export function byteOutput(node: Lowering): ByteImage {
  if (attr.int(node.node, "packed", 0) === 0) return { ...node.imageOutput(0), inject: {}, shift: 0 };
  const { dtype, shape } = node.outputType(0);
  const [n, c] = shape as [number, number];
  const [h, w] = shape.length === 3 ? [1, shape[2]!] : [shape[2]!, shape[3]!];
  const view = node.temporary({ dtype: "i32", shape: [n, h, w, Math.ceil(c / 4)] }, "linear");
  node.alias(0, view);
  const inject = { store: STORE_PACKED };
  return { view, address: packedAddress(view, shape), inject, shift: signShift(dtype) };
}

function packedAddress(view: View, shape: readonly number[]): ImageAddress {
  const [n, h, w, c4] = view.shape as [number, number, number, number];
  const [strideN, strideH, strideW] = [h * w * c4, w * c4, c4];
  return { n, c: shape[1]!, h, w, c4, offset: view.offset, strideN, strideH, strideW };
}

const REQUANTISE = `@group(0) @binding(8) var<storage, read> factors: array<vec4f>;
fn finish(sum: vec4i, c4: u32) -> vec4i {
  let least = vec4f(f32(params.low - params.y_zero));
  let most = vec4f(f32(params.high - params.y_zero));
  return vec4i(round(clamp(vec4f(sum) * factors[c4], least, most))) + params.y_zero;
}`;

/** A range and zero point that sums are brought to. */
export interface Target8 {
  zero: number;
  low: number;
  high: number;
}

/**
 * The output's zero point and range. Passes narrow the range by the attributes `low` and `high`, for activations that
 * only cut values off.
 */
export function targetOf(node: NodeContext, index: number): Target8 {
  const zero = single(node, index, "y_zero_point", 0);
  const [low, high] = quantizedRange(node, node.has(index) ? requireBytes(node, index) : "u8");
  return { zero, low: attr.int(node.node, "low", low), high: attr.int(node.node, "high", high) };
}

/** `saturate(round(sum * factor) + zero)` with a factor for each output channel, in single precision. */
export function requantise(node: Lowering, factors: () => readonly number[], target: Target8): Finish {
  return {
    inject: { finish: REQUANTISE },
    bindings: {
      factors: node.weights("factors", () => {
        const values = factors();
        const padded = new Float32Array(Math.ceil(values.length / 4) * 4);
        padded.set(values);
        return padded;
      }),
    },
    uniforms: { y_zero: target.zero, low: target.low, high: target.high },
  };
}

/** The zero point of the first operand, which may be computed while the network runs. */
export interface ZeroPoint {
  view: View | WeightRef;
  offset: number;
}

/** Input `index` as the zero point of the first operand; 0 if it is left out. */
export function zeroPoint(node: Lowering, index: number): ZeroPoint {
  if (!node.has(index)) return { view: node.weights("no zero point", () => new Int32Array(1)), offset: 0 };
  const view = node.linear(index);
  return { view, offset: view.offset };
}

/** A constant operand: output channels, and the input channels and taps that each one sums over. */
export interface Weights {
  outC: number;
  /** Input channels of a group. */
  inC: number;
  taps: number;
  /** One element. */
  at(outC: number, inC: number, tap: number): number;
  /** One for each output channel. */
  zeros: readonly number[];
  bias: ArrayLike<number> | undefined;
  /** What unsigned elements are less by, to be signed. */
  shift: number;
}

/** One sum of products for each output channel of each pixel. */
export interface PackedProduct {
  /** Words of four signed bytes, as {@linkcode packBytes} makes them. */
  x: View;
  /** Less by which `x` was packed. */
  shift: number;
  zero: ZeroPoint;
  batch: number;
  inC: number;
  inH: number;
  inW: number;
  groups: number;
  window: Window;
  weights: Weights;
  finish: Finish;
  y: ByteImage;
}

/** Elements as `[n, h, w, c]`, by strides that count elements. */
export interface Pixels {
  view: View;
  extents: readonly [n: number, h: number, w: number, c: number];
  strides: readonly [n: number, h: number, w: number, c: number];
}

/** Words of four bytes each, less `shift`: `[n, h, w, ceil(c / 4)]`. */
export function packBytes(node: Lowering, { view, extents, strides }: Pixels, shift: number): View {
  const [n, h, w, c] = extents;
  const c4 = Math.ceil(c / 4);
  const y = node.temporary({ dtype: "i32", shape: [n, h, w, c4] }, "linear");
  node.emit({
    kernel: pack,
    bindings: { x: view, y },
    uniforms: {
      n,
      h,
      w,
      c,
      c4,
      shift,
      x_offset: view.offset,
      x_stride_n: strides[0],
      x_stride_h: strides[1],
      x_stride_w: strides[2],
      x_stride_c: strides[3],
      y_offset: y.offset,
    },
    workgroups: foldWorkgroups(Math.ceil(n * h * w * c4 / 64)),
  });
  return y;
}

/** For `//#inject dot4` where the adapter has packed dot products. */
const DOT4 = "fn dot4(a: u32, b: u32) -> i32 { return dot4I8Packed(a, b); }";

/** Emits the kernel that sums products of packed bytes. */
export function emitPackedProduct(node: Lowering, product: PackedProduct): void {
  const { x, zero, batch, inC, inH, inW, groups, window, weights, finish, y } = product;
  const [kh, kw] = window.kernel;
  const groupOutC4 = Math.ceil(weights.outC / groups / 4);
  const layer = `int8 ${convLayer({ ...window, batch, inC, outC: weights.outC, groups })}`;
  const { taken: { p, q }, choice } = node.choose(
    layer,
    packedTiles(
      node,
      groupOutC4,
      weights.taps * Math.ceil(weights.inC / 4),
    ),
  );
  const wg = node.target.software ? 8 : 64;
  const pixels = batch * window.out[0] * window.out[1];
  const weightZeros = weights.zeros.some((one) => one !== weights.shift) ? 1 : 0;
  node.emit({
    kernel: convPacked,
    options: {
      overrides: { WG: wg, KH: kh, KW: kw, WEIGHT_ZEROS: weightZeros, P: p, Q: q },
      inject: {
        tile: `const P = ${p}u;\nconst Q = ${q}u;`,
        ...(node.target.dot4 && { dot4: DOT4 }),
        ...finish.inject,
        ...y.inject,
      },
    },
    bindings: {
      x,
      weights: node.weights("packed weights", () => packWeights(weights)),
      terms: node.weights("packed terms", () => packTerms(weights)),
      y: y.view,
      zero: zero.view,
      ...finish.bindings,
    },
    uniforms: {
      x_offset: x.offset,
      in_c4: Math.ceil(inC / 4),
      ...addressUniforms("y", y.address),
      batch,
      in_h: inH,
      in_w: inW,
      group_in_c4: Math.ceil(weights.inC / 4),
      ...windowUniforms(window),
      out_c: weights.outC,
      group_out_c4: groupOutC4,
      groups,
      zero_offset: zero.offset,
      zero_shift: product.shift,
      last_lanes: 0x01010101 >>> (8 * ((4 - weights.inC % 4) % 4)),
      ...finish.uniforms,
      y_shift: y.shift,
    },
    workgroups: foldWorkgroups(Math.ceil(pixels / (wg * p)) * groups * Math.ceil(groupOutC4 / q)),
    multiplyAdds: pixels * weights.outC * weights.inC * weights.taps,
    why: whyChosen(choice, () => "four channels at a time, by the tile that is best at most such sums"),
    choice,
  });
}

/** What an invocation computes. */
interface PackedTile extends Candidate {
  /** Pixels. */
  readonly p: number;
  /** Groups of four output channels. */
  readonly q: number;
}

/** The tiles that come into question; the usual one first. */
function packedTiles(node: Lowering, groupOutC4: number, words: number): PackedTile[] {
  const tiles = PACKED_TILES.map(([p, most]): PackedTile => {
    const q = Math.min(most, groupOutC4);
    return { id: `packed P${p} Q${q}`, p, q };
  });
  const usual = tiles[node.target.software && words >= MANY_WORDS ? 1 : 0]!;
  return inOrder(usual, tiles, () => 0);
}

/** Pixels, and groups of four output channels at most: the usual tiles for short sums and for long ones, and others. */
const PACKED_TILES: readonly (readonly [p: number, q: number])[] = [
  [4, 2],
  [4, 4],
  [8, 2],
  [8, 4],
  [2, 4],
  [8, 1],
  [2, 2],
];
/**
 * Words of four bytes that an output sums over, from which a larger tile pays on llvmpipe: 0.82 to 0.89 of the time. One of
 * 8 pixels takes 0.77 to 0.86, but LLVM 1.5 s to compile in place of 0.6.
 */
const MANY_WORDS = 32;

/** `vec4`s over output channels of words of four input channels: `(co4 * taps + tap) * inC4 + ci4`. */
function packWeights({ outC, inC, taps, at, shift }: Weights): Uint32Array<ArrayBuffer> {
  const inC4 = Math.ceil(inC / 4);
  const words = new Uint32Array(Math.ceil(outC / 4) * 4 * taps * inC4);
  for (let co = 0; co < outC; co++) {
    for (let tap = 0; tap < taps; tap++) {
      for (let ci = 0; ci < inC; ci++) {
        const word = (((co >> 2) * taps + tap) * inC4 + (ci >> 2)) * 4 + (co & 3);
        words[word]! |= ((at(co, ci, tap) - shift) & 255) << (8 * (ci & 3));
      }
    }
  }
  return words;
}

/** Three `vec4`s for each group of output channels: see the kernel. */
function packTerms({ outC, inC, taps, at, zeros, bias, shift }: Weights): Int32Array<ArrayBuffer> {
  const terms = new Int32Array(Math.ceil(outC / 4) * 12);
  for (let co = 0; co < outC; co++) {
    let sum = 0;
    for (let ci = 0; ci < inC; ci++) {
      for (let tap = 0; tap < taps; tap++) sum += at(co, ci, tap) - shift;
    }
    const zero = zeros[co]! - shift;
    const start = (co >> 2) * 12 + (co & 3);
    terms[start] = bias?.[co] ?? 0;
    terms[start + 4] = inC * taps * zero - sum;
    terms[start + 8] = zero;
  }
  return terms;
}
