// The least and the greatest element of a matrix, the sum of magnitudes and the sum of squares, one each a workgroup.
// Uses: load, number
//
// partial  a vec4f a workgroup: least, greatest, sum of magnitudes, sum of squares
// params   quads: quads a row, quads in all

override X_DEPTH: u32 = 0u;
override VIEWS: bool = true;

struct Params {
  x_view: vec4u,
  quads: vec2u,
}

@group(0) @binding(0) var<storage, read_write> partial: array<vec4f>;
@group(0) @binding(1) var<uniform> params: Params;

var<workgroup> shared_sums: array<vec4f, 64>;

fn joined(a: vec4f, b: vec4f) -> vec4f {
  return vec4f(min(a.x, b.x), max(a.y, b.y), a.zw + b.zw);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  var sum = vec4f(3.4e38, -3.4e38, 0.0, 0.0);
  for (var quad = group.x * 64u + local; quad < params.quads.y; quad += groups.x * 64u) {
    let px = quad % params.quads.x * 4u;
    let v = load_quad(i32(px), i32(quad / params.quads.x));
    let value = decode(X_DEPTH, vec4u(v[0].x, v[1].x, v[2].x, v[3].x));
    let exists = vec4u(px) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.x_view.w);
    let least = select(vec4f(3.4e38), value, exists);
    let greatest = select(vec4f(-3.4e38), value, exists);
    let size = select(vec4f(0.0), abs(value), exists);
    sum = joined(sum, vec4f(
      min(min(least.x, least.y), min(least.z, least.w)),
      max(max(greatest.x, greatest.y), max(greatest.z, greatest.w)),
      dot(size, vec4f(1.0)),
      dot(size, size),
    ));
  }
  shared_sums[local] = sum;
  for (var step = 32u; step > 0u; step >>= 1u) {
    workgroupBarrier();
    if (local < step) {
      shared_sums[local] = joined(shared_sums[local], shared_sums[local + step]);
    }
  }
  if (local == 0u) {
    partial[group.x] = shared_sums[0];
  }
}
