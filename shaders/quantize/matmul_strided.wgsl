// Matrix product of two strided operands of bytes, batched, summed in 32 bits. An invocation computes 4 x 4 elements.
//
//   sum[batch, m, n] = sum over k of (a[batch, m, k] - a_zero[m]) * (b[batch, k, n] - b_zero[n])
//   y = REQUANTISE ? clamp(round(sum * factors[m * factor_step_m + n * factor_step_n])) + y_zero : sum
//
// a, b: words, one an element, any strides. a_zero, b_zero: by a step along m and n, 0 to have one for all; without a zero
// point, a_zero_factor or b_zero_factor is 0 and any buffer may be bound. y: linear. The batch has up to 8 dimensions, the
// last one fastest. Offsets and strides count elements.
//
// Grid: ceil(batches * ceil(rows / 4) * ceil(columns / 4) / 64) workgroups.
// Limit: depth + 40 iterations must stay under 65,535 (llvmpipe).

struct Params {
  rows: u32,
  columns: u32,
  depth: u32,
  batches: u32,
  batch_rank: u32,
  a_offset: i32,
  a_stride_m: i32,
  a_stride_k: i32,
  b_offset: i32,
  b_stride_k: i32,
  b_stride_n: i32,
  y_offset: u32,
  a_zero_offset: u32,
  a_zero_step: u32,
  a_zero_factor: i32,
  b_zero_offset: u32,
  b_zero_step: u32,
  b_zero_factor: i32,
  factor_step_m: u32,
  factor_step_n: u32,
  y_zero: i32,
  low: i32,
  high: i32,
  batch_extents: array<vec4u, 2>,
  batch_a_strides: array<vec4i, 2>,
  batch_b_strides: array<vec4i, 2>,
};

@group(0) @binding(0) var<storage, read_write> a: array<i32>;
@group(0) @binding(1) var<storage, read_write> b: array<i32>;
@group(0) @binding(2) var<storage, read_write> a_zero: array<i32>;
@group(0) @binding(3) var<storage, read_write> b_zero: array<i32>;
@group(0) @binding(4) var<storage, read_write> y: array<i32>;
@group(0) @binding(5) var<uniform> params: Params;
@group(0) @binding(6) var<storage, read> factors: array<f32>;

override REQUANTISE: bool = false;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  // 0, which a compiler does not see: see gemm/strided.wgsl.
  let nothing = local >> 31u;
  let blocks_n = (params.columns + 3u) / 4u;
  let blocks_m = (params.rows + 3u) / 4u;
  let index = (group.y * groups.x + group.x) * 64u + local;
  let batch = index / (blocks_n * blocks_m);
  if (batch >= params.batches) { return; }
  let n = (index % blocks_n) * 4u;
  let m = (index / blocks_n % blocks_m) * 4u;
  var a_at = params.a_offset;
  var b_at = params.b_offset;
  var rest = batch;
  for (var i = params.batch_rank + nothing; i > 0u; i--) {
    let axis = i - 1u;
    let extent = params.batch_extents[axis / 4u][axis % 4u];
    a_at += i32(rest % extent) * params.batch_a_strides[axis / 4u][axis % 4u];
    b_at += i32(rest % extent) * params.batch_b_strides[axis / 4u][axis % 4u];
    rest = rest / extent;
  }
  // Rows and columns past the end read the last one again and are not stored.
  let lanes = vec4u(0u, 1u, 2u, 3u);
  let known_rows = min(vec4u(m) + lanes, vec4u(params.rows - 1u));
  let known_columns = min(vec4u(n) + lanes, vec4u(params.columns - 1u));
  let a_rows = vec4i(known_rows) * params.a_stride_m + vec4i(a_at);
  let b_columns = vec4i(known_columns) * params.b_stride_n + vec4i(b_at);
  let from_a_zero = params.a_zero_offset + known_rows * params.a_zero_step;
  let from_b_zero = params.b_zero_offset + known_columns * params.b_zero_step;
  let a_zeros = params.a_zero_factor
    * vec4i(a_zero[from_a_zero.x], a_zero[from_a_zero.y], a_zero[from_a_zero.z], a_zero[from_a_zero.w]);
  let b_zeros = params.b_zero_factor
    * vec4i(b_zero[from_b_zero.x], b_zero[from_b_zero.y], b_zero[from_b_zero.z], b_zero[from_b_zero.w]);
  var sum: array<vec4i, 4>;
  for (var k = 0u; k < params.depth + nothing; k++) {
    let from_a = a_rows + vec4i(i32(k) * params.a_stride_k);
    let from_b = b_columns + vec4i(i32(k) * params.b_stride_k);
    let right = vec4i(b[from_b.x], b[from_b.y], b[from_b.z], b[from_b.w]) - b_zeros;
    sum[0] += (a[from_a.x] - a_zeros.x) * right;
    sum[1] += (a[from_a.y] - a_zeros.y) * right;
    sum[2] += (a[from_a.z] - a_zeros.z) * right;
    sum[3] += (a[from_a.w] - a_zeros.w) * right;
  }
  for (var i = 0u; i < 16u; i++) {
    let row = m + i / 4u;
    let column = n + i % 4u;
    if (row < params.rows && column < params.columns) {
      var value = sum[i / 4u][i % 4u];
      if (REQUANTISE) {
        let scaled = f32(value) * factors[row * params.factor_step_m + column * params.factor_step_n];
        let least = f32(params.low - params.y_zero);
        let most = f32(params.high - params.y_zero);
        value = i32(round(clamp(scaled, least, most))) + params.y_zero;
      }
      y[params.y_offset + (batch * params.rows + row) * params.columns + column] = value;
    }
  }
}
