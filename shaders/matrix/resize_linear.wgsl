// Resizes by bilinear interpolation between pixel centres, the border repeated: OpenCV's INTER_LINEAR; with AREA what its
// INTER_AREA does where a side grows. 8U: in OpenCV's whole numbers, which drop bits between the two directions.
// Uses: store, load, number, scale

override X_DEPTH: u32 = 0u;
override AREA: bool = false;

struct Params {
  y_view: vec4u,
  y_quads: vec4u,
  x_view: vec4u,
  scale: vec4i,
  start: vec2i,
}

fn position(d: i32, scale: vec2i) -> Position {
  if (!AREA) {
    return centre(d, scale);
  }
  let place = max(d, 0);
  let whole = place * scale.x / scale.y;
  let n = (place + 1) * scale.x - (whole + 1) * scale.y;
  return Position(whole, select(0.0, f32(n % scale.x) / f32(scale.x), n > 0));
}

// The weights of a position's two pixels in whole numbers of 2^-11.
fn whole_weights(part: f32) -> vec2i {
  return vec2i(round(vec2f(1.0 - part, part) * 2048.0));
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
  let y = position(quad.py + params.start.y, params.scale.zw);
  let top = clamp(y.whole, 0, last.y);
  let bottom = clamp(y.whole + 1, 0, last.y);
  var v: array<vec4u, 4>;
  //#unroll p 4
  for (var p = 0u; p < 4u; p++) {
    let x = position(quad.px + i32(p) + params.start.x, params.scale.xy);
    let left = clamp(x.whole, 0, last.x);
    let right = clamp(x.whole + 1, 0, last.x);
    let corners = array<vec4u, 4>(load(left, top), load(right, top), load(left, bottom), load(right, bottom));
    if (X_DEPTH == 0u) {
      let wx = whole_weights(x.part);
      let wy = whole_weights(y.part);
      let upper = (vec4i(corners[0]) * wx.x + vec4i(corners[1]) * wx.y) >> vec4u(4u);
      let lower = (vec4i(corners[2]) * wx.x + vec4i(corners[3]) * wx.y) >> vec4u(4u);
      let sum = ((upper * wy.x) >> vec4u(16u)) + ((lower * wy.y) >> vec4u(16u));
      v[p] = vec4u(clamp((sum + 2) >> vec4u(2u), vec4i(0), vec4i(255)));
    } else {
      let upper = mix(decode(X_DEPTH, corners[0]), decode(X_DEPTH, corners[1]), x.part);
      let lower = mix(decode(X_DEPTH, corners[2]), decode(X_DEPTH, corners[3]), x.part);
      v[p] = encode(X_DEPTH, mix(upper, lower, y.part));
    }
  }
  //#end
  save(quad, v, inside(quad));
}
