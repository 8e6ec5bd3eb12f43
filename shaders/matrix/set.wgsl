// Gives all pixels of a matrix the same elements.
// Uses: store

struct Params {
  y_view: vec4u,
  y_quads: vec4u,
  // The elements' bits.
  value: vec4u,
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
  let v = params.value;
  save(quad, array<vec4u, 4>(v, v, v, v), inside(quad));
}
