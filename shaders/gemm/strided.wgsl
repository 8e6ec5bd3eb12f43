// Matrix product of two strided operands, batched: y = alpha * a * b + beta * c. An invocation computes 4 x 4 elements.
//
//   y[batch, m, n] = alpha * sum over k of a[batch, m, k] * b[batch, k, n] + beta * c[m, n]
//
// a, b: any strides (so that transposed and broadcast operands need no copy); c by its own strides, 0 to broadcast.
// Floats or integers, which wrap around in their own type. y: linear. The batch has up to 8 dimensions, the last one fastest. Offsets and strides count elements.
//
// Grid: ceil(batches * ceil(rows / 4) * ceil(columns / 4) / 64) workgroups.
// Limit: depth + 40 iterations must stay under 65,535 (llvmpipe).

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

//#inject wrap
fn wrap(value: vec) -> vec { return value; }
//#end

struct Params {
  rows: u32,
  columns: u32,
  depth: u32,
  batches: u32,
  batch_rank: u32,
  alpha: scalar,
  beta: scalar,
  a_offset: i32,
  a_stride_m: i32,
  a_stride_k: i32,
  b_offset: i32,
  b_stride_k: i32,
  b_stride_n: i32,
  c_offset: i32,
  c_stride_m: i32,
  c_stride_n: i32,
  y_offset: u32,
  batch_extents: array<vec4u, 2>,
  batch_a_strides: array<vec4i, 2>,
  batch_b_strides: array<vec4i, 2>,
};

@group(0) @binding(0) var<storage, read_write> a: array<scalar>;
@group(0) @binding(1) var<storage, read_write> b: array<scalar>;
@group(0) @binding(2) var<storage, read_write> c: array<scalar>;
@group(0) @binding(3) var<storage, read_write> y: array<scalar>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  // 0, which a compiler does not see. Mesa's software Vulkan compiles a kernel anew at every dispatch, and never frees
  // it, when loops and branches hang on uniforms alone and putting in their values makes the kernel much shorter.
  let zero = local >> 31u;
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
  for (var i = params.batch_rank + zero; i > 0u; i--) {
    let axis = i - 1u;
    let extent = params.batch_extents[axis / 4u][axis % 4u];
    a_at += i32(rest % extent) * params.batch_a_strides[axis / 4u][axis % 4u];
    b_at += i32(rest % extent) * params.batch_b_strides[axis / 4u][axis % 4u];
    rest = rest / extent;
  }
  // Rows and columns past the end read the last one again and are not stored.
  let lanes = vec4u(0u, 1u, 2u, 3u);
  let a_rows = vec4i(min(vec4u(m) + lanes, vec4u(params.rows - 1u))) * params.a_stride_m + vec4i(a_at);
  let b_columns = vec4i(min(vec4u(n) + lanes, vec4u(params.columns - 1u))) * params.b_stride_n + vec4i(b_at);
  var sum: array<vec, 4>;
  for (var k = 0u; k < params.depth + zero; k++) {
    let from_a = a_rows + vec4i(i32(k) * params.a_stride_k);
    let from_b = b_columns + vec4i(i32(k) * params.b_stride_k);
    let right = vec(b[from_b.x], b[from_b.y], b[from_b.z], b[from_b.w]);
    sum[0] += a[from_a.x] * right;
    sum[1] += a[from_a.y] * right;
    sum[2] += a[from_a.z] * right;
    sum[3] += a[from_a.w] * right;
  }
  for (var i = 0u; i < 16u; i++) {
    let row = m + i / 4u;
    let column = n + i % 4u;
    if (row < params.rows && column < params.columns) {
      var value = params.alpha * sum[i / 4u][i % 4u];
      if ((params.beta != scalar(0)) & (zero == 0u)) {
        let addend = params.c_offset + i32(row) * params.c_stride_m + i32(column) * params.c_stride_n;
        value += params.beta * c[addend];
      }
      y[params.y_offset + (batch * params.rows + row) * params.columns + column] = wrap(vec(value)).x;
    }
  }
}
