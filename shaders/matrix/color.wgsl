// Colours among gray, BGR and RGB with and without alpha: OpenCV's cvtColor. Depths 8U, 16U and 32F.
// Uses: store, load, number
// Gray is 0.299 R + 0.587 G + 0.114 B, in whole numbers (of 2^-15) where the elements are.

override X_DEPTH: u32 = 0u;
// Blue and red change places.
override SWAP: bool = false;
// The source, the destination is gray.
override FROM_GRAY: bool = false;
override TO_GRAY: bool = true;

struct Params {
  y_view: vec4u,
  y_quads: vec4u,
  x_view: vec4u,
  // The bits of full alpha.
  alpha: u32,
}

fn converted(bits: vec4u) -> vec4u {
  if (FROM_GRAY) {
    return vec4u(bits.xxx, params.alpha);
  }
  let bgr = select(bits.xyz, bits.zyx, SWAP);
  if (TO_GRAY) {
    if (X_DEPTH == 5u) {
      return vec4u(bitcast<u32>(dot(bitcast<vec3f>(bgr), vec3f(0.114, 0.587, 0.299))), 0u, 0u, 0u);
    }
    let sum = bgr.x * 3735u + bgr.y * 19235u + bgr.z * 9798u;
    return vec4u((sum + 16384u) >> 15u, 0u, 0u, 0u);
  }
  return vec4u(bgr, select(params.alpha, bits.w, X_CHANNELS == 4u));
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
  var v = load_quad(quad.px, quad.py);
  v[0] = converted(v[0]);
  v[1] = converted(v[1]);
  v[2] = converted(v[2]);
  v[3] = converted(v[3]);
  save(quad, v, inside(quad));
}
