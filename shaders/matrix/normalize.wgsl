// y = saturate(x * scale + shift) with factors that an earlier kernel found. Elements are taken as pixels of one channel.
// Uses: store, load, number
//
// factors  scale, shift

override X_DEPTH: u32 = 0u;
override Y_DEPTH: u32 = 5u;

struct Params {
  y_view: vec4u,
  y_quads: vec4u,
  x_view: vec4u,
}

@group(0) @binding(4) var<storage, read_write> factors: array<f32>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let quad = quad_at(group, groups, local);
  if (!quad.exists) {
    return;
  }
  var v = load_quad(quad.px, quad.py);
  let value = decode(X_DEPTH, vec4u(v[0].x, v[1].x, v[2].x, v[3].x)) * factors[0] + factors[1];
  let bits = encode(Y_DEPTH, value);
  v[0].x = bits.x;
  v[1].x = bits.y;
  v[2].x = bits.z;
  v[3].x = bits.w;
  save(quad, v, inside(quad));
}
