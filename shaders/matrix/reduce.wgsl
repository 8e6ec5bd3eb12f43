// Range and sums of all elements of a matrix, taken as pixels of one channel; see the library's sums.
// Uses: load, number, sums

struct Params {
  x_view: vec4u,
  // Quads a row, quads in all.
  quads: vec2u,
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
    let value = decode(X_DEPTH, vec4u(v[0].x, v[1].x, v[2].x, v[3].x));
    sum = added(sum, value, vec4u(px) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.x_view.w));
  }
  finish(sum, group.x, local);
}
