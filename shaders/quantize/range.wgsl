// Least and greatest element, zero included, of each of many parts of a tensor: the first half of DynamicQuantizeLinear.
//
//   x       elements one after the other, from vec4 x_offset on; count of them (channel padding may be among them: it is zero)
//   y       (least, greatest) of each workgroup's part
//
// Grid: any number of workgroups in x, at most 64, as finish_range.wgsl reads them all in one invocation.
// Limit: count / (256 * workgroups) iterations an invocation must stay under 65,535 (llvmpipe).

struct Params {
  x_offset: u32,
  count: u32,
};

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> y: array<vec2f>;
@group(0) @binding(2) var<uniform> params: Params;

var<workgroup> part: array<vec2f, 64>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  var least = vec4f();
  var most = vec4f();
  for (var i = group.x * 64u + local; i * 4u < params.count; i += groups.x * 64u) {
    let inside = vec4u(4u * i) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.count);
    let value = select(vec4f(), x[params.x_offset + i], inside);
    least = min(least, value);
    most = max(most, value);
  }
  part[local] = vec2f(
    min(min(least.x, least.y), min(least.z, least.w)),
    max(max(most.x, most.y), max(most.z, most.w)),
  );
  for (var step = 32u; step > 0u; step /= 2u) {
    workgroupBarrier();
    if (local < step) {
      let other = part[local + step];
      part[local] = vec2f(min(part[local].x, other.x), max(part[local].y, other.y));
    }
  }
  if (local == 0u) {
    y[group.x] = part[0];
  }
}
