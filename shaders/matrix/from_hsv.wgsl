// Hue, saturation and value to BGR or RGB, as OpenCV's cvtColor; see to_hsv for the ranges.
// Uses: store, load, number

override X_DEPTH: u32 = 0u;
// The destination is RGB.
override SWAP: bool = false;

struct Params {
  y_view: vec4u,
  y_quads: vec4u,
  x_view: vec4u,
  // Sectors of the colour circle (there are 6) for a hue of 1, and what saturation and value are multiplied with.
  hue: f32,
  unit: f32,
}

fn converted(bits: vec4u) -> vec4u {
  let hsv = decode(X_DEPTH, bits).xyz * vec3f(params.hue, params.unit, params.unit);
  let whole = floor(hsv.x);
  let part = hsv.x - whole;
  let sector = i32(whole - 6.0 * floor(whole / 6.0));
  let s = hsv.y;
  let a = hsv.z;
  let b = a * (1.0 - s);
  let c = a * (1.0 - s * part);
  let d = a * (1.0 - s * (1.0 - part));
  var bgr = vec3f(c, b, a);
  if (sector == 0) {
    bgr = vec3f(b, d, a);
  } else if (sector == 1) {
    bgr = vec3f(b, a, c);
  } else if (sector == 2) {
    bgr = vec3f(d, a, b);
  } else if (sector == 3) {
    bgr = vec3f(a, c, b);
  } else if (sector == 4) {
    bgr = vec3f(a, b, d);
  }
  let ordered = select(bgr, bgr.zyx, SWAP) / params.unit;
  return encode(X_DEPTH, vec4f(ordered, 0.0));
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
