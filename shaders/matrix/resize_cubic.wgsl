// Resizes by bicubic interpolation (A = -0.75) between pixel centres, the border repeated: OpenCV's INTER_CUBIC.
// Uses: store, load, number, scale

override X_DEPTH: u32 = 0u;

struct Params {
  y_view: vec4u,
  y_quads: vec4u,
  x_view: vec4u,
  scale: vec4i,
  start: vec2i,
}

fn weights(t: f32) -> vec4f {
  let a = -0.75;
  let u = t + 1.0;
  let w = 1.0 - t;
  let first = ((a * u - 5.0 * a) * u + 8.0 * a) * u - 4.0 * a;
  let second = ((a + 2.0) * t - (a + 3.0)) * t * t + 1.0;
  let third = ((a + 2.0) * w - (a + 3.0)) * w * w + 1.0;
  return vec4f(first, second, third, 1.0 - first - second - third);
}

fn pixel(px: i32, py: i32) -> vec4f {
  return decode(X_DEPTH, load(px, py));
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
  let last = vec2i(params.x_view.wz) - 1;
  let y = centre(quad.py + params.start.y, params.scale.zw);
  let wy = weights(y.part);
  var v: array<vec4u, 4>;
  //#unroll p 4
  for (var p = 0u; p < 4u; p++) {
    let x = centre(quad.px + i32(p) + params.start.x, params.scale.xy);
    let wx = weights(x.part);
    let px = clamp(vec4i(x.whole - 1) + vec4i(0, 1, 2, 3), vec4i(0), vec4i(last.x));
    var sum = vec4f(0.0);
    for (var j = 0; j < 4; j++) {
      let py = clamp(y.whole - 1 + j, 0, last.y);
      let row = pixel(px.x, py) * wx.x + pixel(px.y, py) * wx.y + pixel(px.z, py) * wx.z + pixel(px.w, py) * wx.w;
      sum += row * wy[j];
    }
    v[p] = encode(X_DEPTH, sum);
  }
  //#end
  save(quad, v, inside(quad));
}
