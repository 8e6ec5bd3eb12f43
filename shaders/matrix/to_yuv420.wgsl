// BGR or RGB with or without alpha to I420 or NV12, ITU-R BT.601 of limited range, the chroma of every second pixel of
// every second row: as OpenCV's cvtColor, in its whole numbers of 2^-20. The layout of y is that of from_yuv420's x.
// Uses: store, load

override NV12: bool = false;
// The source is RGB.
override SWAP: bool = false;

struct Params {
  y_view: vec4u,
  y_quads: vec4u,
  x_view: vec4u,
}

fn sample(column: i32, row: i32) -> u32 {
  let rows = i32(params.x_view.z);
  let cols = i32(params.x_view.w);
  var at = vec2i(clamp(column, 0, cols - 1), row);
  var weights = vec3i(102760, 528482, 269484);
  var offset = 16;
  if (row >= rows) {
    var plane = at.x & 1;
    var chroma = vec2i(at.x >> 1u, row - rows);
    if (!NV12) {
      let right = select(0, 1, at.x >= cols / 2);
      let line = (row - rows) * 2 + right;
      plane = select(0, 1, line >= rows / 2);
      chroma = vec2i(at.x - right * (cols / 2), line - plane * (rows / 2));
    }
    at = 2 * chroma;
    weights = select(vec3i(460324, -305135, -155188), vec3i(-74448, -385875, 460324), plane == 1);
    offset = 128;
  }
  let bits = vec3i(load(at.x, at.y).xyz);
  let products = select(bits, bits.zyx, SWAP) * weights;
  return u32(clamp((products.x + products.y + products.z + 524288 + (offset << 20u)) >> 20u, 0, 255));
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
  var v: array<vec4u, 4>;
  //#unroll p 4
  for (var p = 0u; p < 4u; p++) {
    v[p].x = sample(quad.px + i32(p), quad.py);
  }
  //#end
  save(quad, v, inside(quad));
}
