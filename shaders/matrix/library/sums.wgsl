// What reductions of a matrix keep: the least and the greatest element, the sum of magnitudes and the sum of squares.
//
// partial  a vec4f a workgroup of those four

override X_DEPTH: u32 = 0u;
override VIEWS: bool = true;

@group(0) @binding(0) var<storage, read_write> partial: array<vec4f>;
@group(0) @binding(1) var<uniform> params: Params;

var<workgroup> shared_sums: array<vec4f, 64>;

fn nothing() -> vec4f {
  return vec4f(3.4e38, -3.4e38, 0.0, 0.0);
}

fn joined(a: vec4f, b: vec4f) -> vec4f {
  return vec4f(min(a.x, b.x), max(a.y, b.y), a.zw + b.zw);
}

// The sums with those of four elements that exist.
fn added(sum: vec4f, value: vec4f, exists: vec4<bool>) -> vec4f {
  let least = select(vec4f(3.4e38), value, exists);
  let greatest = select(vec4f(-3.4e38), value, exists);
  let size = select(vec4f(0.0), abs(value), exists);
  return joined(sum, vec4f(
    min(min(least.x, least.y), min(least.z, least.w)),
    max(max(greatest.x, greatest.y), max(greatest.z, greatest.w)),
    dot(size, vec4f(1.0)),
    dot(size, size),
  ));
}

// Joins the sums of a workgroup.
fn finish(sum: vec4f, group: u32, local: u32) {
  shared_sums[local] = sum;
  for (var step = 32u; step > 0u; step >>= 1u) {
    workgroupBarrier();
    if (local < step) {
      shared_sums[local] = joined(shared_sums[local], shared_sums[local + step]);
    }
  }
  if (local == 0u) {
    partial[group] = shared_sums[0];
  }
}
