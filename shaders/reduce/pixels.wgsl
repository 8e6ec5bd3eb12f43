// Reduces the pixels of each channel of an image. Each batch item, segment of pixels and group of 4 channels is an item of
// work, which all invocations of a workgroup share, or which one invocation does alone: what is injected as "share" decides.
// Run with several segments first, and then over the segments, it reduces a large image in parallel.
//
//   y[n * segments + s, c] = epilogue(finish(combine over the pixels p of segment s of term(x[n, p, c])))
//
// x: NHWC, channels padded to a multiple of 4; y: one pixel for each batch item and segment. Offsets and strides count
// vec4s. Padding lanes are written as zero.
//
// Grid: a workgroup for each of `count` = batch * segments * c4 items, or an invocation. Limit: iterations of an invocation,
// segment_pixels / WG + log2(WG) or segment_pixels, < 65,535 (llvmpipe).

struct Params {
  count: u32,
  c: u32,
  c4: u32,
  w: u32,
  pixels: u32,
  segments: u32,
  segment_pixels: u32,
  scale: f32,
  identity: f32,
  x_offset: u32,
  x_stride_n: u32,
  x_stride_h: u32,
  x_stride_w: u32,
  y_offset: u32,
  y_stride_n: u32,
  operands: array<vec4u, 4>,
};

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

@group(0) @binding(0) var<storage, read_write> x: array<vec>;
@group(0) @binding(1) var<storage, read_write> y: array<vec>;
@group(0) @binding(2) var<uniform> params: Params;

override WG: u32 = 64u;
// 0: sum, 1: largest, 2: smallest, 3: product.
override MODE: u32 = 0u;

// The least and the greatest element: what changes nothing in a search for the largest and the smallest.
//#inject bounds
const LEAST = vec4f(-3.4028234663852886e38);
const GREATEST = vec4f(3.4028234663852886e38);
//#end

//#inject term
fn term(value: vec, at: u32) -> vec { return value; }
//#end

//#inject finish
fn finish(total: vec) -> vec { return total * params.scale; }
//#end

//#inject epilogue
fn epilogue(value: vec, pixel: u32, c4: u32) -> vec { return value; }
//#end

fn combine(a: vec, b: vec) -> vec {
  if (MODE == 1u) { return max(a, b); }
  if (MODE == 2u) { return min(a, b); }
  if (MODE == 3u) { return a * b; }
  return a + b;
}

//#inject share
var<workgroup> totals: array<vec, WG>;
fn own_item(place: u32, local: u32) -> u32 { return place; }
// Which pixels are an invocation's: the first, and how far apart.
fn own_first(local: u32) -> u32 { return local; }
fn own_step() -> u32 { return WG; }
// What all invocations have found.
fn together(total: vec, local: u32) -> vec {
  totals[local] = total;
  workgroupBarrier();
  for (var half = WG / 2u; half > 0u; half = half / 2u) {
    if (local < half) { totals[local] = combine(totals[local], totals[local + half]); }
    workgroupBarrier();
  }
  return totals[0];
}
//#end

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = own_item(group.y * groups.x + group.x, local);
  if (index >= params.count) { return; }
  let c4 = index % params.c4;
  let item = index / params.c4;
  let n = item / params.segments;
  let first = (item % params.segments) * params.segment_pixels;
  let end = min(first + params.segment_pixels, params.pixels);
  let source = params.x_offset + n * params.x_stride_n + c4;
  var total = vec();
  if (MODE == 1u) { total = LEAST; }
  if (MODE == 2u) { total = GREATEST; }
  if (MODE == 3u) { total = vec(1); }
  for (var pixel = first + own_first(local); pixel < end; pixel += own_step()) {
    let row = pixel / params.w;
    let column = pixel - row * params.w;
    let value = x[source + row * params.x_stride_h + column * params.x_stride_w];
    total = combine(total, term(value, n * params.c4 + c4));
  }
  let found = together(total, local);
  if (own_first(local) == 0u) {
    let lanes = vec4u(0u, 1u, 2u, 3u) + 4u * c4;
    let value = epilogue(finish(found), item, c4);
    y[params.y_offset + item * params.y_stride_n + c4] = select(vec(), value, lanes < vec4u(params.c));
  }
}
