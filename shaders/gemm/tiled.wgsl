// Batched matrix product by tiles in workgroup memory, for GPUs: 64 rows x 16 column groups (vec4) a workgroup of 256.
//
//   y[batch, m, n] = epilogue(sum over k of a[batch, m, k] * b[batch, k, n])
//
//   a  rows of vec4s along k: row m at a_offset + m * a_stride_m
//   b  vec4s along n: column group n4 of row k at b_offset + n4 * b_stride_n + k * b_stride_k; weight() may read a texture
//   y  linear, [batches * rows, columns]; store() may write whole vec4s where columns are a multiple of 4
//
// Offsets and strides of a and b count vec4s; the batch has up to 8 dimensions, the last one fastest. Where depth is no
// multiple of 4, what lies in a and b behind the last k is read but not used.
//
// Each invocation computes 4 rows of one column group; 16 k are brought in at a time.
//
// Grid: batches * ceil(columns / 64) * ceil(rows / 64) workgroups. Limit: depth / 16 * 4 + batch_rank iterations must stay
// under 65,535 (llvmpipe).

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

//#inject epilogue
fn epilogue(value: vec4f, pixel: u32, c4: u32) -> vec4f { return value; }
//#end

// Which of four k lie before the end.
fn inside(k4: u32) -> vec4<bool> {
  return vec4u(4u * k4) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.depth);
}

var<workgroup> a_tile: array<vec4f, 256>;
var<workgroup> b_tile: array<vec4f, 256>;

// The sum with four channels of an input, each times its weights. A function keeps unrolled text short: compilers front to back
// take longer than in proportion to it.
fn accumulate(sum: vec4f, v: vec4f, w0: vec4f, w1: vec4f, w2: vec4f, w3: vec4f) -> vec4f {
  return fma(vec4f(v.w), w3, fma(vec4f(v.z), w2, fma(vec4f(v.y), w1, fma(vec4f(v.x), w0, sum))));
}

@compute @workgroup_size(256)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let columns4 = (params.columns + 3u) / 4u;
  let row_blocks = (params.rows + 63u) / 64u;
  let column_blocks = (columns4 + 15u) / 16u;
  let place = group.y * groups.x + group.x;
  let batch = place / (row_blocks * column_blocks);
  if (batch >= params.batches) { return; }
  let first_c4 = place / row_blocks % column_blocks * 16u;
  let first_row = place % row_blocks * 64u;
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
  // What this invocation brings in: one vec4 of a (row, k4) and one of b (k, column group).
  let from_a = a_at + min(first_row + local / 4u, params.rows - 1u) * params.a_stride_m;
  let from_b = b_at + min(first_c4 + local % 16u, columns4 - 1u) * params.b_stride_n;
  let my_row = local / 16u * 4u;
  let my_c4 = local % 16u;
  let depth4 = (params.depth + 3u) / 4u;
  var acc: array<vec4f, 4>;
  for (var step = 0u; step < depth4; step += 4u) {
    let k4 = step + local % 4u;
    let k = 4u * step + local / 16u;
    let part_a = a[from_a + min(k4, depth4 - 1u)];
    let part_b = weight(from_b + min(k, params.depth - 1u) * params.b_stride_k);
    a_tile[local] = select(vec4f(), part_a, inside(k4));
    b_tile[local] = select(vec4f(), part_b, k < params.depth);
    workgroupBarrier();
    for (var i = 0u; i < 4u; i++) {
      let w0 = b_tile[64u * i + my_c4];
      let w1 = b_tile[64u * i + 16u + my_c4];
      let w2 = b_tile[64u * i + 32u + my_c4];
      let w3 = b_tile[64u * i + 48u + my_c4];
      //#unroll t 4
      for (var t = 0u; t < 4u; t++) {
        let v = a_tile[(my_row + t) * 4u + i];
        acc[t] = accumulate(acc[t], v, w0, w1, w2, w3);
      }
      //#end
    }
    workgroupBarrier();
  }
  var result = acc;
  for (var t = 0u; t < 4u; t++) {
    let m = first_row + my_row + t;
    let c4 = first_c4 + my_c4;
    if (m < params.rows && c4 < columns4) {
      let row = batch * params.rows + m;
      store(row, c4, epilogue(result[t], row, c4));
    }
  }
}
