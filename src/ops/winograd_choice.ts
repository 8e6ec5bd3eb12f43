/**
 * Where Winograd's convolution is faster than the direct one, by an estimate of both.
 *
 * The estimates count what the kernels do for eight invocations, in nanoseconds of one core of the software adapter that
 * they were measured on (Mesa's llvmpipe, storage loaded through textures). Only their ratio matters, so other cores give
 * about the same choice. No hardware was measured: there the choice is never.
 *
 * @module
 */
import { type KernelTarget, TEXTURE_WIDTH } from "../gpu/mod.ts";
import type { Window } from "./window.ts";

/** Rows and columns of an output tile. */
export type WinogradTile = 2 | 4;

/** A convolution with a 3x3 kernel of stride and dilation 1, and one group. */
export interface WinogradShape extends Window {
  batch: number;
  inC: number;
  outC: number;
}

/** Weights of a texture's most rows, at four floats a texel. */
const MOST_TEXELS = 8192 * TEXTURE_WIDTH;

/** Whether the algorithm can compute a convolution at all. */
export function winogradApplies(shape: WinogradShape & { groups: number }): boolean {
  const { kernel, strides, dilations, groups, inC, outC } = shape;
  const pairs = Math.ceil(inC / 4) * (Math.ceil(outC / 4) + 15) * 4;
  return groups === 1 && inC > 0 && outC > 0 && kernel.every((extent) => extent === 3) &&
    strides.every((stride) => stride === 1) && dilations.every((dilation) => dilation === 1) &&
    pairs * 36 <= MOST_TEXELS && Math.max(inC, outC) <= 16384;
}

/** Output tiles of a convolution. */
export function winogradTiles({ batch, out: [h, w] }: WinogradShape, tile: WinogradTile): {
  tilesH: number;
  tilesW: number;
  tiles: number;
} {
  const [tilesH, tilesW] = [Math.ceil(h / tile), Math.ceil(w / tile)];
  return { tilesH, tilesW, tiles: batch * tilesH * tilesW };
}

/** Tiles and channel groups of one invocation of the product, among which it is chosen. */
export const PRODUCT_TILES: readonly (readonly [p: number, q: number])[] = [
  [4, 8],
  [4, 6],
  [4, 4],
  [4, 2],
  [2, 8],
  [2, 4],
  [1, 8],
];

/** A load of a texel, and the store of a vec4. */
export const LOAD = 3;
const STORE = 70;
/** Four weights' share of a load, and their broadcasts. */
export const WEIGHTS = 5;
/** Four multiply-adds of vec4s. */
export const PRODUCT = 9.6;
/** What a transform does with a vec4 besides. */
const TRANSFORM = 8;
/** Addresses, mask and epilogue of an output of `conv/winograd_output`. */
const OUTPUT = 28;
/** Bytes between the steps: copied into textures, by one core while the other waits, and missed in its caches. */
const BYTE = 0.4;
/** A dispatch with its copies. */
const LAUNCH = 100_000;
/** What `conv/direct` does once for an output. */
export const DIRECT_OUTPUT = 170;
/** An estimate must be that much better. */
const MARGIN = 0.97;

/** What the products of one position take. */
export function productCost(
  { tiles, inC4, outC4 }: { tiles: number; inC4: number; outC4: number },
  p: number,
  q: number,
): number {
  const sums = Math.ceil(outC4 / q) * inC4 * (LOAD * p + WEIGHTS * q + PRODUCT * p * q);
  return Math.ceil(tiles / (8 * p)) * (sums + outC4 * p * STORE);
}

/** What Winograd's convolution takes. */
export function winogradCost(shape: WinogradShape, tile: WinogradTile): number {
  const { tiles } = winogradTiles(shape, tile);
  const [inC4, outC4] = [Math.ceil(shape.inC / 4), Math.ceil(shape.outC / 4)];
  const positions = (tile + 2) ** 2;
  const input = inC4 * positions * (LOAD + STORE + TRANSFORM);
  const output = outC4 * (positions * (LOAD + TRANSFORM) + tile ** 2 * (STORE + OUTPUT));
  const product = Math.min(...PRODUCT_TILES.map(([p, q]) => productCost({ tiles, inC4, outC4 }, p, q)));
  const bytes = positions * tiles * (inC4 + outC4) * 16;
  return Math.ceil(tiles / 8) * (input + output) + positions * product + bytes * BYTE + 3 * LAUNCH;
}

/** What `conv/direct` takes with the tiles that it is given there. */
function directCost({ batch, inC, outC, out: [outH, outW] }: WinogradShape): number {
  const waste = (tile: number): number => Math.ceil(outW / tile) * tile - outW;
  const p = [8, 4, 2].reduce((best, one) => outW < 16 && waste(one) < waste(best) ? one : best);
  const outC4 = Math.ceil(outC / 4);
  const q = outC4 <= 2 ? 2 : 4;
  const runs = Math.ceil(batch * outH * Math.ceil(outW / p) / 8) * Math.ceil(outC4 / q);
  // Lanes of padding are not multiplied where there are fewer than four inputs.
  const product = PRODUCT * Math.min(inC, 4) / 4;
  const sums = Math.ceil(inC / 4) * 3 * ((p + 2) * LOAD + 3 * q * (WEIGHTS + product * p));
  return runs * (sums + p * q * DIRECT_OUTPUT) + LAUNCH;
}

/** Chooses the tile that a convolution is computed with; `undefined` where another algorithm is faster. */
export function chooseWinograd(
  shape: WinogradShape & { groups: number },
  target: KernelTarget,
): WinogradTile | undefined {
  if (target.plain || !winogradApplies(shape)) return undefined;
  if (target.winograd !== undefined) return target.winograd === 0 ? undefined : target.winograd;
  if (!target.software || !target.subgroups) return undefined;
  const [two, four] = [winogradCost(shape, 2), winogradCost(shape, 4)];
  const [tile, cost] = two < four ? [2, two] as const : [4, four] as const;
  return cost < MARGIN * directCost(shape) ? tile : undefined;
}

/** Why a convolution is computed with a tile. */
export function whyWinograd(
  shape: WinogradShape,
  tile: WinogradTile,
  { winograd }: KernelTarget,
): string {
  const products = `tiles of ${tile}x${tile} outputs take ${(tile + 2) ** 2} products in place of ${
    9 * tile ** 2
  }`;
  if (winograd !== undefined) return `${products}, and the target asks for them`;
  const part = winogradCost(shape, tile) / directCost(shape);
  return `${products}, estimated at ${part.toFixed(2)} of the time of conv/direct (below ${MARGIN})`;
}
