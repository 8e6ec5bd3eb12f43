// I420 or NV12 to BGR or RGB with or without alpha, ITU-R BT.601 of limited range, chroma repeated: as OpenCV's cvtColor, in its
// whole numbers of 2^-20.
// Uses: store, load
//
// x  8UC1 of rows * 3 / 2 rows: luma, then chroma of half width and height. I420: U, then V, two chroma rows a row.
//    NV12: U and V in turn.

override NV12: bool = false;
// The destination is RGB.
override SWAP: bool = false;

struct Params {
  y_view: vec4u,
  y_quads: vec4u,
  x_view: vec4u,
}

fn chroma(column: i32, py: i32) -> vec2i {
  let rows = i32(params.y_view.z);
  let half = i32(params.y_view.w) / 2;
  let at = clamp(column, 0, half - 1);
  let row = py >> 1u;
  if (NV12) {
    return vec2i(i32(load(2 * at, rows + row).x), i32(load(2 * at + 1, rows + row).x)) - 128;
  }
  let v_row = rows / 2 + row;
  return vec2i(
    i32(load(at + (row & 1) * half, rows + (row >> 1u)).x),
    i32(load(at + (v_row & 1) * half, rows + (v_row >> 1u)).x),
  ) - 128;
}

fn color(luma: u32, uv: vec2i) -> vec4u {
  let y = max(i32(luma) - 16, 0) * 1220542 + 524288;
  let b = (y + 2116026 * uv.x) >> 20u;
  let g = (y - 852492 * uv.y - 409993 * uv.x) >> 20u;
  let r = (y + 1673527 * uv.y) >> 20u;
  let bgr = vec3u(clamp(vec3i(b, g, r), vec3i(0), vec3i(255)));
  return vec4u(select(bgr, bgr.zyx, SWAP), 255u);
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
  let luma = load_quad(quad.px, quad.py);
  let first = quad.px >> 1u;
  let uv = array<vec2i, 2>(chroma(first, quad.py), chroma(first + 1, quad.py));
  // A quad of a region may begin at an odd column.
  let odd = (quad.px & 1) == 1;
  var last = uv[1];
  if (VIEWS) {
    if (odd) {
      last = chroma(first + 2, quad.py);
    }
  }
  var v: array<vec4u, 4>;
  v[0] = color(luma[0].x, uv[0]);
  v[1] = color(luma[1].x, select(uv[0], uv[1], odd));
  v[2] = color(luma[2].x, uv[1]);
  v[3] = color(luma[3].x, select(uv[1], last, odd));
  save(quad, v, inside(quad));
}
