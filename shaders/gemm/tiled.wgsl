// Batched matrix product by tiles in workgroup memory, for GPUs.
//
//   y[batch, m, n] = epilogue(sum over k of a[batch, m, k] * b[batch, k, n])
//
// A workgroup computes TILE_ROWS x TILE_COLUMNS4 vec4s. It goes through k 4 * STEP4 at a time: all invocations bring the step's
// part of a and b to workgroup memory, then each adds to its P x Q vec4s in registers.
//
//   a  rows of vec4s along k: row m at a_offset + m * a_stride_m
//   b  vec4s along n: column group n4 of row k at b_offset + n4 * b_stride_n + k * b_stride_k; weight() may read a texture
//   y  linear, [batches * rows, columns]; store() may write whole vec4s where columns are a multiple of 4
//
// Offsets and strides of a and b count vec4s; the batch has up to 8 dimensions, the last one fastest. Where depth is no
// multiple of 4, what lies in a and b behind the last k is read but not used.
//
// Grid: batches * ceil(columns / 4 / TILE_COLUMNS4) * ceil(rows / TILE_ROWS) workgroups. TILE_ROWS is a multiple of P,
// TILE_COLUMNS4 of Q, and WG = (TILE_ROWS / P) * (TILE_COLUMNS4 / Q).
// Workgroup memory: 16 * STEP4 * (TILE_ROWS + 4 * TILE_COLUMNS4) bytes.
// Limit: an invocation's loops must stay under 65,535 turns in all (llvmpipe): batch_rank, and for each 4 * STEP4 k
// 1 + STEP4 + STEP4 * (TILE_ROWS + 4 * TILE_COLUMNS4) / WG.

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

override WG: u32 = 256u;

//#inject tile
const TILE_ROWS = 64u;
const TILE_COLUMNS4 = 16u;
const STEP4 = 4u;
const P = 4u;
const Q = 1u;
//#end

//#inject epilogue
fn epilogue(value: vec4f, pixel: u32, c4: u32) -> vec4f { return value; }
//#end

// Which of four k lie before the end.
fn inside(k4: u32) -> vec4<bool> {
  return vec4u(4u * k4) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.depth);
}

// [k4][row]
var<workgroup> a_tile: array<vec4f, STEP4 * TILE_ROWS>;
// [k][column group]
var<workgroup> b_tile: array<vec4f, 4u * STEP4 * TILE_COLUMNS4>;

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
  let columns4 = (params.columns + 3u) / 4u;
  let row_blocks = (params.rows + TILE_ROWS - 1u) / TILE_ROWS;
  let column_blocks = (columns4 + TILE_COLUMNS4 - 1u) / TILE_COLUMNS4;
  let place = group.y * groups.x + group.x;
  let batch = place / (row_blocks * column_blocks);
  if (batch >= params.batches) { return; }
  let first_c4 = place / row_blocks % column_blocks * TILE_COLUMNS4;
  let first_row = place % row_blocks * TILE_ROWS;
  var a_at = params.a_offset;
  var b_at = params.b_offset;
  var rest = batch;
  for (var i = params.batch_rank; i > 0u; i--) {
    let axis = i - 1u;
    let extent = params.batch_extents[axis / 4u][axis % 4u];
    a_at += rest % extent * params.batch_a_strides[axis / 4u][axis % 4u];
    b_at += rest % extent * params.batch_b_strides[axis / 4u][axis % 4u];
    rest = rest / extent;
  }
  // This invocation's sums: rows my_row + t * (TILE_ROWS / P), column groups my_c4 + q * (TILE_COLUMNS4 / Q).
  let my_c4 = local % (TILE_COLUMNS4 / Q);
  let my_row = local / (TILE_COLUMNS4 / Q);
  let depth4 = (params.depth + 3u) / 4u;
  // Neighbours read what lies side by side: packed weights lie along k.
  let b_along_k = params.b_stride_k == 1u;
  var acc: array<vec4f, P * Q>;
  for (var start = 0u; start < depth4; start += STEP4) {
    for (var i = local; i < STEP4 * TILE_ROWS; i += WG) {
      let k4 = start + i % STEP4;
      let row = min(first_row + i / STEP4, params.rows - 1u);
      let part = a[a_at + row * params.a_stride_m + min(k4, depth4 - 1u)];
      a_tile[i % STEP4 * TILE_ROWS + i / STEP4] = select(vec4f(), part, inside(k4));
    }
    for (var i = local; i < 4u * STEP4 * TILE_COLUMNS4; i += WG) {
      let in_step = select(i / TILE_COLUMNS4, i % (4u * STEP4), b_along_k);
      let in_tile = select(i % TILE_COLUMNS4, i / (4u * STEP4), b_along_k);
      let k = 4u * start + in_step;
      let c4 = min(first_c4 + in_tile, columns4 - 1u);
      let part = weight(b_at + c4 * params.b_stride_n + min(k, params.depth - 1u) * params.b_stride_k);
      b_tile[in_step * TILE_COLUMNS4 + in_tile] = select(vec4f(), part, k < params.depth);
    }
    workgroupBarrier();
    for (var s = 0u; s < STEP4; s++) {
      var v: array<vec4f, P>;
      //#unroll t P
      for (var t = 0u; t < P; t++) {
        v[t] = a_tile[s * TILE_ROWS + my_row + t * (TILE_ROWS / P)];
      }
      //#end
      //#unroll q Q
      for (var q = 0u; q < Q; q++) {
        let at = 4u * s * TILE_COLUMNS4 + my_c4 + q * (TILE_COLUMNS4 / Q);
        let w0 = b_tile[at];
        let w1 = b_tile[at + TILE_COLUMNS4];
        let w2 = b_tile[at + 2u * TILE_COLUMNS4];
        let w3 = b_tile[at + 3u * TILE_COLUMNS4];
        //#unroll t P
        for (var t = 0u; t < P; t++) {
          acc[t * Q + q] = accumulate(acc[t * Q + q], v[t], w0, w1, w2, w3);
        }
        //#end
      }
      //#end
    }
    workgroupBarrier();
  }
  //#unroll t P
  for (var t = 0u; t < P; t++) {
    let m = first_row + my_row + t * (TILE_ROWS / P);
    //#unroll q Q
    for (var q = 0u; q < Q; q++) {
      let c4 = first_c4 + my_c4 + q * (TILE_COLUMNS4 / Q);
      if (m < params.rows && c4 < columns4) {
        let row = batch * params.rows + m;
        store(row, c4, epilogue(acc[t * Q + q], row, c4));
      }
    }
    //#end
  }
  //#end
}
