// The nearest and the second nearest row over all parts.
//
// partial  (bits of the distance, row or NONE, bits of the second distance, 0) of row r and part p at
//          p * params.max_from + r; parts lie in the order of their rows
// best     the same of each row over the parts that have rows; of equal distances the lower row is the nearest
// counts   as in match_float.wgsl

override PART: u32 = 256u;

struct Params {
  max_from: u32,
  max_to: u32,
}

@group(0) @binding(0) var<storage, read_write> partial: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> from_count: array<u32>;
@group(0) @binding(2) var<storage, read_write> to_count: array<u32>;
@group(0) @binding(3) var<storage, read_write> best: array<vec4u>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x >= min(from_count[0], params.max_from)) { return; }
  let parts = max((min(to_count[0], params.max_to) + PART - 1u) / PART, 1u);
  var nearest = partial[id.x];
  for (var part = 1u; part < parts; part++) {
    let other = partial[part * params.max_from + id.x];
    if (bitcast<f32>(other.x) < bitcast<f32>(nearest.x)) {
      let second = min(bitcast<f32>(nearest.x), bitcast<f32>(other.z));
      nearest = vec4u(other.xy, bitcast<u32>(second), 0u);
    } else {
      nearest.z = bitcast<u32>(min(bitcast<f32>(nearest.z), bitcast<f32>(other.x)));
    }
  }
  best[id.x] = nearest;
}
