/**
 * The ways to compute a matrix product with `vec4`s: which kernels and tiles apply to a size on an adapter, and which of
 * them the estimates take first.
 *
 * @module
 */
import REGISTER from "../../shaders/gemm/register.wgsl" with { type: "text" };
import SUBGROUP from "../../shaders/gemm/subgroup.wgsl" with { type: "text" };
import TILED from "../../shaders/gemm/tiled.wgsl" with { type: "text" };
import type { KernelOptions, KernelSource, KernelTarget } from "../gpu/mod.ts";
import { denseCost, type DenseTile } from "./conv_cost.ts";
import { type Candidate, inOrder, MOST_CANDIDATES } from "./kernel_choice.ts";
import { tiled } from "./kernel_text.ts";

const registerKernel: KernelSource = { name: "gemm/register", wgsl: REGISTER };
const subgroupKernel: KernelSource = { name: "gemm/subgroup", wgsl: SUBGROUP };
const tiledKernel: KernelSource = { name: "gemm/tiled", wgsl: TILED };

/** A product's size. */
export interface ProductExtents {
  batches: number;
  rows: number;
  columns: number;
  depth: number;
}

/** How the other factor lies. */
export interface ProductFactor {
  /** A constant that was packed into a texture. */
  inTexture: boolean;
  /** A constant that was packed. */
  packed: boolean;
  /** Its columns lie along k, as only the kernel for subgroups takes them. */
  alongK: boolean;
}

/** How one kernel computes one product. */
export interface ProductChoice extends Candidate {
  kernel: KernelSource;
  options: KernelOptions;
  workgroups: number;
  cost: number;
}

/** Rows from which invocations share what is read of the other factor. */
const LEAST_SHARED_ROWS = 8;
/** Sums of an invocation at most: everything is unrolled over them. */
const MAX_SUMS = 32;
const POWERS = [1, 2, 4, 8, 16] as const;

/** A product in numbers: equal ones are equally fast with equal kernels. */
export function productLayer(
  { batches, rows, columns, depth }: ProductExtents,
  { packed, alongK }: ProductFactor,
): string {
  return `product ${rows}x${depth}x${columns}${batches === 1 ? "" : ` of ${batches}`}` +
    `${packed ? " constant" : ""}${alongK ? " transposed" : ""}`;
}

/** The ways to compute a product, the estimate's choice first. */
export function productCandidates(
  extents: ProductExtents,
  factor: ProductFactor,
  target: KernelTarget,
): ProductChoice[] {
  const { rows } = extents;
  const subgroups = target.software && target.subgroups && rows >= LEAST_SHARED_ROWS;
  const shared = subgroups ? subgroupChoices(extents, factor) : [];
  if (factor.alongK) return shared;
  const registers = registerChoices(extents, target);
  const tiles = !target.software && rows >= LEAST_SHARED_ROWS
    ? SHARED_TILES.map((tile) => sharedChoice(extents, tile))
    : [];
  // The estimates are of software. Elsewhere two tiles and a kernel without go before the others: who times but a few then
  // times different ones.
  const [first, ...others] = [
    ...tiles.slice(0, 2),
    ...shared,
    ...tiles.length > 0 ? registers.slice(0, 1) : [],
    ...tiles.slice(2),
    ...registers,
  ] as [ProductChoice, ...ProductChoice[]];
  return inOrder(first, others, ({ cost }) => target.software ? cost : 0).slice(0, MOST_CANDIDATES);
}

/** A tile in workgroup memory, of rows x column groups, and an invocation's part of it. */
interface SharedTile extends DenseTile {
  rows: number;
  columns4: number;
}

/** Workgroups of 64 to 256, with up to 12 KiB of workgroup memory (WebGPU grants 16); the usual one first. */
const SHARED_TILES: readonly SharedTile[] = [
  { rows: 64, columns4: 16, p: 4, q: 1 },
  { rows: 64, columns4: 16, p: 4, q: 4 },
  { rows: 64, columns4: 16, p: 8, q: 2 },
  { rows: 32, columns4: 16, p: 4, q: 2 },
  { rows: 32, columns4: 8, p: 2, q: 2 },
  { rows: 128, columns4: 16, p: 8, q: 4 },
];

function sharedChoice(
  { batches, rows, columns }: ProductExtents,
  { rows: tileRows, columns4, p, q }: SharedTile,
): ProductChoice {
  const tile = { TILE_ROWS: tileRows, TILE_COLUMNS4: columns4, STEP4: 4, P: p, Q: q };
  return {
    id: `tiled ${tileRows}x${4 * columns4} P${p} Q${q}`,
    kernel: tiledKernel,
    options: tiled({ WG: tileRows / p * columns4 / q }, tile),
    workgroups: batches * Math.ceil(rows / tileRows) * Math.ceil(columns / (4 * columns4)),
    cost: 0,
  };
}

/** Kernels whose eight invocations load for all; the usual tile first. */
function subgroupChoices(extents: ProductExtents, { inTexture }: ProductFactor): ProductChoice[] {
  const { rows } = extents;
  const even = Math.ceil(Math.ceil(extents.columns / 4) / 2) * 2;
  // Texels cost a tenth of what storage loads do: then as few rows and as many columns as there is room for sums.
  const q = Math.min(inTexture ? 16 : 8, even);
  const most = Math.min(8, Math.floor(MAX_SUMS / q));
  const p = [8, 4, 2, 1].filter((tile) => tile <= most).reduce((best, tile) =>
    Math.ceil(rows / (8 * tile)) * tile < Math.ceil(rows / (8 * best)) * best ? tile : best
  );
  const tiles = POWERS.slice(1).flatMap((columns4) =>
    POWERS.slice(0, 4).map((p) => ({ p, q: Math.min(columns4, even) }))
  );
  const usable = tiles.filter((tile) => tile.p * tile.q <= MAX_SUMS && tile.p * tile.q >= 8);
  const choices = [{ p, q }, ...usable].map((tile) => subgroupChoice(extents, tile));
  return inOrder(choices[0]!, choices, ({ cost }) => cost).slice(0, MOST_CANDIDATES);
}

function subgroupChoice(
  { batches, rows, columns, depth }: ProductExtents,
  { p, q }: DenseTile,
): ProductChoice {
  const [columns4, runs] = [Math.ceil(columns / 4), Math.ceil(rows / (8 * p))];
  const blocks = batches * Math.ceil(columns4 / q);
  return {
    id: `subgroup P${p} Q${q}`,
    kernel: subgroupKernel,
    options: tiled({ WG: 8, TAIL: depth % 4 !== 0 }, { P: p, Q: q, PAIRS: q / 2 }),
    workgroups: blocks * runs,
    cost: denseCost({ runs, blocks, steps: Math.ceil(depth / 4), loads: p, taps: 1 }, { p, q }, true),
  };
}

/** Kernels with sums in registers, each invocation alone; the usual tile first. */
function registerChoices(extents: ProductExtents, target: KernelTarget): ProductChoice[] {
  const { rows, columns } = extents;
  const columns4 = Math.ceil(columns / 4);
  const few = rows < LEAST_SHARED_ROWS;
  const wg = target.software ? 8 : 64;
  // With few rows there is nothing to share of the other factor: each invocation has columns of its own.
  const usual = few ? { p: Math.min(rows, 4), q: 1 } : { p: 4, q: Math.min(4, columns4) };
  const tiles = few
    ? POWERS.slice(0, 3).flatMap((q) => POWERS.slice(0, 3).map((p) => ({ p: Math.min(p, rows), q })))
    : [{ p: 8, q: 4 }, { p: 4, q: 8 }, { p: 8, q: 2 }, { p: 4, q: 2 }, { p: 2, q: 4 }];
  const own = tiles.filter(({ q }) => q <= columns4).map((tile) => registerChoice(extents, tile, wg));
  return inOrder(registerChoice(extents, usual, wg), own, ({ cost }) => cost);
}

function registerChoice(
  { batches, rows, columns, depth }: ProductExtents,
  { p, q }: DenseTile,
  wg: number,
): ProductChoice {
  const tiles = batches * Math.ceil(rows / p) * Math.ceil(columns / 4 / q);
  return {
    id: `register P${p} Q${q} WG${wg}`,
    kernel: registerKernel,
    options: tiled({ WG: wg, TAIL: depth % 4 !== 0 }, { P: p, Q: q }),
    workgroups: Math.ceil(tiles / wg),
    cost: denseCost(
      { runs: Math.ceil(tiles / 8), blocks: 1, steps: Math.ceil(depth / 4), loads: p, taps: 1 },
      { p, q },
      false,
    ),
  };
}
