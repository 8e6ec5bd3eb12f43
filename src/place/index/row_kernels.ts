/**
 * The texts that adapt the index's kernels to the way in which its rows are kept.
 *
 * @module
 */
import { blocksOf, type DescriptorMetric, type DescriptorType, rowBytesOf } from "./packing.ts";

/** What holds rows: a buffer, or a texture with a row of texels a row (on software Vulkan its loads cost a tenth). */
export type RowStorage = "buffer" | "texture";

/** What is injected into `place/compare_rows`. */
export function compareText(
  options: {
    dimensions: number;
    type: DescriptorType;
    metric: DescriptorMetric;
    storage: RowStorage;
    queries: number;
  },
): Record<string, string> {
  const { dimensions, type, metric, storage, queries } = options;
  const blocks = blocksOf(dimensions);
  return {
    sizes: `const BLOCKS = ${blocks}u;\nalias Queries = array<vec4f, ${blocks * 4 * queries}>;`,
    queries: `const QUERIES = ${queries}u;`,
    rows: fetchText(type, storage, rowBytesOf(dimensions, type) / 16) + LOADS[type] + SCALES[type],
    metric: METRICS[metric],
  };
}

const NO_SCALES = "\nfn scale_of(row: u32) -> f32 { return 1.0; }";
const SCALES: Readonly<Record<DescriptorType, string>> = {
  f32: NO_SCALES,
  f16: NO_SCALES,
  i8: "\n@group(0) @binding(5) var<storage, read> scales: array<f32>;" +
    "\nfn scale_of(row: u32) -> f32 { return scales[row]; }",
};

const METRICS: Readonly<Record<DescriptorMetric, string>> = {
  inner_product: `
fn compare(x: Elements, scale: f32, a: vec4f, b: vec4f, c: vec4f, d: vec4f) -> f32 {
  return dot(x.a, a) + dot(x.b, b) + dot(x.c, c) + dot(x.d, d);
}
fn score_of(sum: f32, scale: f32) -> f32 { return sum * scale; }
const FLIP = 0u;`,
  l2: `
fn square(x: vec4f) -> f32 { return dot(x, x); }
fn compare(x: Elements, scale: f32, a: vec4f, b: vec4f, c: vec4f, d: vec4f) -> f32 {
  return square(a - scale * x.a) + square(b - scale * x.b) + square(c - scale * x.c) + square(d - scale * x.d);
}
fn score_of(sum: f32, scale: f32) -> f32 { return sum; }
const FLIP = 0xffffffffu;`,
};

/** Reads 16 bytes of a row: the `i`-th. */
function fetchText(type: DescriptorType, storage: RowStorage, row16s: number): string {
  const integer = type !== "f32";
  const vector = integer ? "vec4u" : "vec4f";
  return storage === "texture"
    ? `
@group(0) @binding(4) var rows: texture_2d<${integer ? "u32" : "f32"}>;
fn fetch(row: u32, i: u32) -> ${vector} { return textureLoad(rows, vec2u(i, row), 0); }`
    : `
@group(0) @binding(4) var<storage, read> rows: array<${vector}>;
fn fetch(row: u32, i: u32) -> ${vector} { return rows[row * ${row16s}u + i]; }`;
}

const LOADS: Readonly<Record<DescriptorType, string>> = {
  f32: `
fn load(row: u32, at: u32) -> Elements {
  let i = at * 4u;
  return Elements(fetch(row, i), fetch(row, i + 1u), fetch(row, i + 2u), fetch(row, i + 3u));
}`,
  f16: `
fn load(row: u32, at: u32) -> Elements {
  let x = fetch(row, at * 2u);
  let y = fetch(row, at * 2u + 1u);
  return Elements(
    vec4f(unpack2x16float(x.x), unpack2x16float(x.y)),
    vec4f(unpack2x16float(x.z), unpack2x16float(x.w)),
    vec4f(unpack2x16float(y.x), unpack2x16float(y.y)),
    vec4f(unpack2x16float(y.z), unpack2x16float(y.w)),
  );
}`,
  i8: `
fn bytes_of(word: u32) -> vec4f {
  return vec4f(bitcast<vec4i>(vec4u(word) << vec4u(24u, 16u, 8u, 0u)) >> vec4u(24u));
}
fn load(row: u32, at: u32) -> Elements {
  let x = fetch(row, at);
  return Elements(bytes_of(x.x), bytes_of(x.y), bytes_of(x.z), bytes_of(x.w));
}`,
};

/** What is injected into `place/pack_rows`; undefined: its own lines. */
export const PACK_FORMS: Readonly<Record<DescriptorType, string | undefined>> = {
  f32: undefined,
  f16: `
fn store(row: u32, at: u32) {
  let to = (row * params.blocks + at) * 8u;
  for (var j = 0u; j < 8u; j++) {
    let i = at * 16u + j * 2u;
    packed[to + j] = pack2x16float(vec2f(element(row, i), element(row, i + 1u)));
  }
}`,
  i8: `
@group(0) @binding(3) var<storage, read_write> scales: array<f32>;
fn store(row: u32, at: u32) {
  var largest = 0.0;
  for (var i = 0u; i < params.blocks * 16u; i += 4u) {
    let x = abs(four(row, i));
    largest = max(largest, max(max(x.x, x.y), max(x.z, x.w)));
  }
  let factor = select(0.0, 127.0 / max(largest, 1e-38), largest > 0.0);
  if (at == 0u) { scales[row] = largest / 127.0; }
  for (var j = 0u; j < 4u; j++) {
    let whole = bitcast<vec4u>(vec4i(clamp(round(four(row, at * 16u + j * 4u) * factor), vec4f(-127.0), vec4f(127.0))));
    let low = whole & vec4u(255u);
    packed[(row * params.blocks + at) * 4u + j] = low.x | (low.y << 8u) | (low.z << 16u) | (low.w << 24u);
  }
}`,
};
