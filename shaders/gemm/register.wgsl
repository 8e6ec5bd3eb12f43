// Batched matrix product: each invocation computes P rows x Q column groups (vec4) in registers, alone.
//
//   y[batch, m, n] = epilogue(sum over k of a[batch, m, k] * b[batch, k, n])
//
//   a  rows of vec4s along k: row m at a_offset + m * a_stride_m
//   b  vec4s along n: column group n4 of row k at b_offset + n4 * b_stride_n + k * b_stride_k; weight() may read a texture
//   y  linear, [batches * rows, columns]; store() may write whole vec4s where columns are a multiple of 4
//
// Offsets and strides of a and b count vec4s; the batch has up to 8 dimensions, the last one fastest. Where depth is no
// multiple of 4 (TAIL), what lies in a and b behind the last k is read but not used.
//
// Grid: ceil(batches * ceil(columns / (4 * Q)) * ceil(rows / P) / WG) workgroups. Limit: depth / 4 + P * Q + batch_rank
// iterations must stay under 65,535 (llvmpipe).

struct Params {
  rows: u32,
  columns: u32,
  depth: u32,
  batches: u32,
  batch_rank: u32,
  a_offset: u32,
  a_stride_m: u32,
  b_offset: u32,
  b_stride_n: u32,
  b_stride_k: u32,
  y_offset: u32,
  batch_extents: array<vec4u, 2>,
  batch_a_strides: array<vec4u, 2>,
  batch_b_strides: array<vec4u, 2>,
  operands: array<vec4u, 4>,
};

@group(0) @binding(0) var<storage, read_write> a: array<vec4f>;
//#inject weights
@group(0) @binding(1) var<storage, read_write> b: array<vec4f>;
fn weight(at: u32) -> vec4f { return b[at]; }
//#end
//#inject store
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
fn store(row: u32, c4: u32, value: vec4f) {
  let first = 4u * c4;
  let at = params.y_offset + row * params.columns + first;
  y[at] = value.x;
  if (first + 1u < params.columns) { y[at + 1u] = value.y; }
  if (first + 2u < params.columns) { y[at + 2u] = value.z; }
  if (first + 3u < params.columns) { y[at + 3u] = value.w; }
}
//#end
@group(0) @binding(3) var<uniform> params: Params;

override WG: u32 = 8u;
override TAIL: bool = true;

//#inject tile
const P = 2u;
const Q = 4u;
//#end

//#inject epilogue
fn epilogue(value: vec4f, pixel: u32, c4: u32) -> vec4f { return value; }
//#end

// Which of four k lie before the end.
fn inside(k4: u32) -> vec4<bool> {
  return vec4u(4u * k4) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.depth);
}

// The sum with four channels of an input, each times its weights. A function keeps unrolled text short: compilers front to back
// take longer than in proportion to it.
fn accumulate(sum: vec4f, v: vec4f, w0: vec4f, w1: vec4f, w2: vec4f, w3: vec4f) -> vec4f {
  return fma(vec4f(v.w), w3, fma(vec4f(v.z), w2, fma(vec4f(v.y), w1, fma(vec4f(v.x), w0, sum))));
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  // 0, which a compiler does not see: see gemm/strided.wgsl.
  let zero = local >> 31u;
  let columns4 = (params.columns + 3u) / 4u;
  let row_blocks = (params.rows + P - 1u) / P;
  let column_blocks = (columns4 + Q - 1u) / Q;
  let place = (group.y * groups.x + group.x) * WG + local;
  let batch = place / (row_blocks * column_blocks);
  if (batch >= params.batches) { return; }
  let first_c4 = place % column_blocks * Q;
  let first_row = place / column_blocks % row_blocks * P;
  var a_at = params.a_offset;
  var b_at = params.b_offset;
  var rest = batch;
  for (var i = params.batch_rank + zero; i > 0u; i--) {
    let axis = i - 1u;
    let extent = params.batch_extents[axis / 4u][axis % 4u];
    a_at += rest % extent * params.batch_a_strides[axis / 4u][axis % 4u];
    b_at += rest % extent * params.batch_b_strides[axis / 4u][axis % 4u];
    rest = rest / extent;
  }
  // Rows and columns past the end are those before it again, and are not stored.
  var source: array<u32, P>;
  //#unroll t P
  for (var t = 0u; t < P; t++) {
    source[t] = a_at + min(first_row + t, params.rows - 1u) * params.a_stride_m;
  }
  //#end
  var column: array<u32, Q>;
  //#unroll q Q
  for (var q = 0u; q < Q; q++) {
    column[q] = b_at + min(first_c4 + q, columns4 - 1u) * params.b_stride_n;
  }
  //#end
  var acc: array<vec4f, P * Q>;
  let depth4 = (params.depth + 3u) / 4u + zero;
  let last_k = params.depth - 1u;
  for (var k4 = 0u; k4 < depth4; k4++) {
    let k = vec4u(4u * k4) + vec4u(0u, 1u, 2u, 3u);
    let step = min(k, vec4u(last_k)) * params.b_stride_k;
    var v: array<vec4f, P>;
    //#unroll t P
    for (var t = 0u; t < P; t++) {
      v[t] = a[source[t] + k4];
      if (TAIL) { v[t] = select(vec4f(), v[t], inside(k4)); }
    }
    //#end
    //#unroll q Q
    for (var q = 0u; q < Q; q++) {
      let w0 = weight(column[q] + step.x);
      var w1 = weight(column[q] + step.y);
      var w2 = weight(column[q] + step.z);
      var w3 = weight(column[q] + step.w);
      if (TAIL) {
        let keeps = inside(k4);
        w1 = select(vec4f(), w1, keeps.y);
        w2 = select(vec4f(), w2, keeps.z);
        w3 = select(vec4f(), w3, keeps.w);
      }
      //#unroll t P
      for (var t = 0u; t < P; t++) {
        acc[t * Q + q] = accumulate(acc[t * Q + q], v[t], w0, w1, w2, w3);
      }
      //#end
    }
    //#end
  }
  // One store site, reached P * Q times: the epilogue is compiled once. The copy keeps the sums themselves in registers.
  var result: array<vec4f, P * Q>;
  //#unroll t P
  for (var t = 0u; t < P; t++) {
    //#unroll q Q
    for (var q = 0u; q < Q; q++) {
      result[t * Q + q] = acc[t * Q + q];
    }
    //#end
  }
  //#end
  for (var i = 0u; i < P * Q; i++) {
    let m = first_row + i / Q;
    let c4 = first_c4 + i % Q;
    if (m < params.rows && c4 < columns4) {
      let row = batch * params.rows + m;
      store(row, c4, epilogue(result[i], row, c4));
    }
  }
}
