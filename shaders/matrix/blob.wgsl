// One image of a blob: y = (x - mean) * scale, its channels as planes (NCHW) or side by side (NHWC), red and blue swapped
// where asked for. The image's elements are one row of y.
// Uses: store, load, number

override X_DEPTH: u32 = 0u;
override Y_DEPTH: u32 = 5u;
override PLANES: bool = true;
override SWAP: bool = false;

struct Params {
  y_view: vec4u,
  y_quads: vec4u,
  x_view: vec4u,
  // For each channel of the blob.
  mean: vec4f,
  factor: vec4f,
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
  let cols = params.x_view.w;
  let area = params.x_view.z * cols;
  var v: array<vec4u, 4>;
  //#unroll p 4
  for (var p = 0u; p < 4u; p++) {
    let e = u32(max(quad.px + i32(p), 0));
    let c = select(e % X_CHANNELS, e / area, PLANES);
    let at = select(e / X_CHANNELS, e % area, PLANES);
    var bits = load(i32(at % cols), i32(at / cols));
    if (SWAP && X_CHANNELS > 2u) {
      bits = bits.zyxw;
    }
    let value = (decode(X_DEPTH, bits)[c & 3u] - params.mean[c & 3u]) * params.factor[c & 3u];
    v[p].x = encode(Y_DEPTH, vec4f(value)).x;
  }
  //#end
  save(quad, v, inside(quad));
}
