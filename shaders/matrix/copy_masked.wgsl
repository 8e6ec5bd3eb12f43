// Copies the pixels of a matrix that a mask chooses, whatever their elements are.
// Uses: store, load, mask

struct Params {
  y_view: vec4u,
  y_quads: vec4u,
  x_view: vec4u,
  mask_view: vec4u,
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
  save(quad, load_quad(quad.px, quad.py), inside(quad) & masked(quad.px, quad.py));
}
