// BGR or RGB to hue, saturation and value, as OpenCV's cvtColor. 8U: hue 0 to params.hue, the others 0 to 255, in
// OpenCV's whole numbers of 2^-12, so that a hue at the end of its circle falls on the same side. 32F: hue 0 to 360, the
// others 0 to 1 where the source is.
// Uses: store, load, number

override X_DEPTH: u32 = 0u;
// The source is RGB.
override SWAP: bool = false;

struct Params {
  y_view: vec4u,
  y_quads: vec4u,
  x_view: vec4u,
  // 180 or 256.
  hue: u32,
}

// numerator / denominator to the nearest whole number; 0 where the denominator is.
fn quotient(numerator: u32, denominator: u32) -> i32 {
  let d = max(denominator, 1u);
  return select(0, i32((2u * numerator + d) / (2u * d)), denominator > 0u);
}

fn converted(bits: vec4u) -> vec4u {
  let ordered = select(bits.xyz, bits.zyx, SWAP);
  if (X_DEPTH == 5u) {
    let bgr = bitcast<vec3f>(ordered);
    let v = max(max(bgr.x, bgr.y), bgr.z);
    let difference = v - min(min(bgr.x, bgr.y), bgr.z);
    let s = difference / (abs(v) + 1.1920929e-7);
    let unit = 60.0 / (difference + 1.1920929e-7);
    var h = (bgr.z - bgr.y) * unit + 240.0;
    if (v == bgr.z) {
      h = (bgr.y - bgr.x) * unit;
    } else if (v == bgr.y) {
      h = (bgr.x - bgr.z) * unit + 120.0;
    }
    return vec4u(bitcast<vec3u>(vec3f(select(h, h + 360.0, h < 0.0), s, v)), 0u);
  }
  let bgr = vec3i(ordered);
  let v = max(max(bgr.x, bgr.y), bgr.z);
  let difference = v - min(min(bgr.x, bgr.y), bgr.z);
  let s = (difference * quotient(1044480u, u32(v)) + 2048) >> 12u;
  var h = bgr.z - bgr.y + 4 * difference;
  if (v == bgr.z) {
    h = bgr.y - bgr.x;
  } else if (v == bgr.y) {
    h = bgr.x - bgr.z + 2 * difference;
  }
  h = (h * quotient(params.hue << 12u, 6u * u32(difference)) + 2048) >> 12u;
  h += select(0, i32(params.hue), h < 0);
  return vec4u(vec3u(u32(min(h, 255)), u32(s), u32(v)), 0u);
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
