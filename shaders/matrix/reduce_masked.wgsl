// Range and sums of the pixels of a matrix that a mask chooses; see the library's sums.
// Uses: load, number, sums, mask

struct Params {
  x_view: vec4u,
  // Quads a row, quads in all.
  quads: vec2u,
  mask_view: vec4u,
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  var sum = nothing();
  for (var quad = group.x * 64u + local; quad < params.quads.y; quad += groups.x * 64u) {
    let px = quad % params.quads.x * 4u;
    let py = i32(quad / params.quads.x);
    let v = load_quad(i32(px), py);
    let chosen = masked(i32(px), py) & (vec4u(px) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.x_view.w));
    let channels = vec4u(0u, 1u, 2u, 3u) < vec4u(X_CHANNELS);
    //#unroll p 4
    for (var p = 0u; p < 4u; p++) {
      sum = added(sum, decode(X_DEPTH, v[p]), channels & vec4<bool>(chosen[p]));
    }
    //#end
  }
  finish(sum, group.x, local);
}
