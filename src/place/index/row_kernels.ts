/**
 * The texts that adapt the index's kernels to the way in which its rows are kept.
 *
 * @module
 */
import { type KernelOptions, type KernelTarget, texelFormat, texelTexture } from "../../gpu/mod.ts";
import { blocksOf, type DescriptorMetric, type DescriptorType, rowBytesOf } from "./packing.ts";

/** What holds rows: a buffer, or a texture with a row of texels a row (on software Vulkan its loads cost a tenth). */
export type RowStorage = "buffer" | "texture";

/** Rows that lie interleaved, and that a workgroup of the comparison takes. */
export const PANEL_ROWS = 64;

/** How a workgroup shares a panel: invocations, and rows of each. */
export interface Tile {
  readonly lanes: number;
  readonly rows: number;
}

/** What `place/compare_rows` is made for. */
export interface CompareForm {
  readonly dimensions: number;
  readonly type: DescriptorType;
  readonly metric: DescriptorMetric;
  readonly storage: RowStorage;
  /** Queries of one pass. */
  readonly queries: number;
}

/** A variant of `place/compare_rows`; `numbers`: whose rows do not lie in the order of their numbers. */
export function compareOptions(form: CompareForm, target: KernelTarget, numbers?: string): KernelOptions {
  const { dimensions, type, metric, storage, queries } = form;
  const blocks = blocksOf(dimensions);
  const tile = tileFor(target);
  return {
    overrides: { QUERIES: queries, ROWS: tile.rows, PARTS: PARTS[type] },
    inject: {
      sizes: `const BLOCKS = ${blocks}u;\nalias Queries = array<vec4f, ${blocks * 4 * queries}>;`,
      queries: `const QUERIES = ${queries}u;`,
      tile: `const LANES = ${tile.lanes}u;\nconst ROWS = ${tile.rows}u;`,
      rows: fetchText(type, storage, rowBytesOf(dimensions, type) / 16) + LOADS[type] + SCALES[type],
      metric: metricText(metric, type),
      ...(target.software && target.subgroups && { reduce: REDUCE_SUBGROUPS }),
      ...(numbers !== undefined && { numbers }),
    },
  };
}

/**
 * On software Vulkan a workgroup is no wider than a vector of the processor, and each invocation takes several rows, so
 * that what is loaded of the queries serves them all; a GPU hides its loads by many invocations instead.
 */
function tileFor({ software }: KernelTarget): Tile {
  return software ? { lanes: 8, rows: 8 } : { lanes: PANEL_ROWS, rows: 1 };
}

/** A variant of `place/choose_best`. */
export function chooseOptions({ software }: KernelTarget, numbers?: string): KernelOptions {
  return {
    inject: {
      lanes: `const LANES = ${software ? 32 : 256}u;`,
      ...(numbers !== undefined && { numbers }),
    },
  };
}

// On llvmpipe a barrier costs more than the atomic of the one invocation that has the best key.
const REDUCE_SUBGROUPS = `
fn gather_best(q: u32, panel: u32, key: u32) {
  if (key != 0u && subgroupMax(key) == key) {
    atomicMax(&maxima[(params.first_query + q) * (params.stride / 64u) + panel], key);
  }
}
fn keep_best(lane: u32, panel: u32) {}`;

const NO_SCALES = "\nfn scale_of(row: u32) -> f32 { return 1.0; }";
const SCALES: Readonly<Record<DescriptorType, string>> = {
  f32: NO_SCALES,
  f16: NO_SCALES,
  i8: "\n@group(0) @binding(5) var<storage, read> scales: array<f32>;" +
    "\nfn scale_of(row: u32) -> f32 { return scales[row]; }",
};

/** Parts of 16 bytes that a block of 16 elements has. */
const PARTS: Readonly<Record<DescriptorType, number>> = { f32: 4, f16: 2, i8: 1 };

/** How a part of a row is compared with the vectors of a query from `at` on. */
function metricText(metric: DescriptorMetric, type: DescriptorType): string {
  const parts = type === "f32"
    ? ["x"]
    : ["a", "b", "c", "d"].slice(0, 4 / PARTS[type]).map((part) => `x.${part}`);
  const query = (i: number): string => `params.queries[at + ${i}u]`;
  const [terms, score, flip] = metric === "l2"
    ? [parts.map((x, i) => `square(${query(i)} - scale * ${x})`), "sum", "0xffffffffu"]
    : [parts.map((x, i) => `dot(${x}, ${query(i)})`), "sum * scale", "0u"];
  return `
fn square(x: vec4f) -> f32 { return dot(x, x); }
fn compare(x: Part, scale: f32, at: u32) -> f32 { return ${terms.join(" + ")}; }
fn score_of(sum: f32, scale: f32) -> f32 { return ${score}; }
const FLIP = ${flip};`;
}

/** Reads 16 bytes of a row of a panel: the `i`-th. */
function fetchText(type: DescriptorType, storage: RowStorage, row16s: number): string {
  const integer = type !== "f32";
  const vector = integer ? "vec4u" : "vec4f";
  return storage === "texture"
    ? `
@group(0) @binding(4) var rows: ${texelTexture(texelFormat(integer ? "u32" : "f32", false))};
fn fetch(panel: u32, i: u32, row: u32) -> ${vector} {
  return textureLoad(rows, vec2u(row, panel * ${row16s}u + i));
}`
    : `
@group(0) @binding(4) var<storage, read> rows: array<${vector}>;
fn fetch(panel: u32, i: u32, row: u32) -> ${vector} { return rows[(panel * ${row16s}u + i) * 64u + row]; }`;
}

const LOADS: Readonly<Record<DescriptorType, string>> = {
  f32: `
const PARTS = 4u;
alias Part = vec4f;
fn load(panel: u32, part: u32, row: u32) -> Part { return fetch(panel, part, row); }`,
  f16: `
const PARTS = 2u;
struct Part { a: vec4f, b: vec4f };
fn load(panel: u32, part: u32, row: u32) -> Part {
  let x = fetch(panel, part, row);
  return Part(
    vec4f(unpack2x16float(x.x), unpack2x16float(x.y)),
    vec4f(unpack2x16float(x.z), unpack2x16float(x.w)),
  );
}`,
  i8: `
const PARTS = 1u;
struct Part { a: vec4f, b: vec4f, c: vec4f, d: vec4f };
fn bytes_of(word: u32) -> vec4f {
  return vec4f(bitcast<vec4i>(vec4u(word) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u));
}
fn load(panel: u32, part: u32, row: u32) -> Part {
  let x = fetch(panel, part, row);
  return Part(bytes_of(x.x), bytes_of(x.y), bytes_of(x.z), bytes_of(x.w));
}`,
};

/** A variant of `place/pack_rows`. */
export function packOptions(type: DescriptorType): KernelOptions {
  const form = PACK_FORMS[type];
  return form === undefined ? {} : { inject: { form } };
}

const PACK_FORMS: Readonly<Record<DescriptorType, string | undefined>> = {
  f32: undefined,
  f16: `
fn store(row: u32, at: u32) {
  for (var j = 0u; j < 2u; j++) {
    let a = four(row, at * 16u + j * 8u);
    let b = four(row, at * 16u + j * 8u + 4u);
    packed[place_of(row, at * 2u + j)] =
      vec4u(pack2x16float(a.xy), pack2x16float(a.zw), pack2x16float(b.xy), pack2x16float(b.zw));
  }
}`,
  i8: `
@group(0) @binding(4) var<storage, read_write> scales: array<f32>;
fn store(row: u32, at: u32) {
  var largest = 0.0;
  for (var i = 0u; i < params.blocks * 16u; i += 4u) {
    let x = abs(four(row, i));
    largest = max(largest, max(max(x.x, x.y), max(x.z, x.w)));
  }
  let factor = select(0.0, 127.0 / max(largest, 1e-38), largest > 0.0);
  if (at == 0u) { scales[first[0] + row] = largest / 127.0; }
  var words = vec4u(0u);
  for (var j = 0u; j < 4u; j++) {
    let whole = bitcast<vec4u>(vec4i(clamp(round(four(row, at * 16u + j * 4u) * factor), vec4f(-127.0), vec4f(127.0))));
    let low = whole & vec4u(255u);
    words[j] = low.x | (low.y << 8u) | (low.z << 16u) | (low.w << 24u);
  }
  packed[place_of(row, at)] = words;
}`,
};
