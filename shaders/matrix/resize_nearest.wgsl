// Resizes by the pixel at or before d * scale: OpenCV's INTER_NEAREST. Any elements.
// Uses: store, load

struct Params {
  y_view: vec4u,
  y_quads: vec4u,
  x_view: vec4u,
  scale: vec4i,
  start: vec2i,
}

fn nearest(d: i32, scale: vec2i, n: u32) -> i32 {
  return i32(min(u32(max(d, 0)) * u32(scale.x) / u32(scale.y), n - 1u));
}

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
  let py = nearest(quad.py + params.start.y, params.scale.zw, params.x_view.z);
  var v: array<vec4u, 4>;
  //#unroll p 4
  for (var p = 0u; p < 4u; p++) {
    v[p] = load(nearest(quad.px + i32(p) + params.start.x, params.scale.xy, params.x_view.w), py);
  }
  //#end
  save(quad, v, inside(quad));
}
