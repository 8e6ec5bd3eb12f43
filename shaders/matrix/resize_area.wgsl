// Shrinks by the mean of the pixels that a destination pixel covers, each weighted by the part covered: OpenCV's INTER_AREA.
// Uses: store, load, number
// Limit: 4 * (columns covered * rows covered) below 65535, where llvmpipe stops.

override X_DEPTH: u32 = 0u;
override Y_DEPTH: u32 = 0u;

struct Params {
  y_view: vec4u,
  y_quads: vec4u,
  x_view: vec4u,
  scale: vec4i,
  start: vec2i,
}

// The part of source pixel i that lies between two places, which are whole numbers of 1 / unit pixels; times unit.
fn covered(i: i32, begin: i32, end: i32, unit: i32) -> f32 {
  return f32(min((i + 1) * unit, end) - max(i * unit, begin));
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
  let scale = params.scale;
  let py = quad.py + params.start.y;
  let top = py * scale.z;
  let bottom = top + scale.z;
  var v: array<vec4u, 4>;
  //#unroll p 4
  for (var p = 0u; p < 4u; p++) {
    let px = clamp(quad.px + i32(p), 0, i32(params.y_view.w) - 1) + params.start.x;
    let left = px * scale.x;
    let right = left + scale.x;
    var sum = vec4f(0.0);
    for (var j = top / scale.w; j <= (bottom - 1) / scale.w; j++) {
      var row = vec4f(0.0);
      for (var i = left / scale.y; i <= (right - 1) / scale.y; i++) {
        row += decode(X_DEPTH, load(i, j)) * covered(i, left, right, scale.y);
      }
      sum += row * (covered(j, top, bottom, scale.w) / f32(scale.z));
    }
    v[p] = encode(Y_DEPTH, sum / f32(scale.x));
  }
  //#end
  save(quad, v, inside(quad));
}
