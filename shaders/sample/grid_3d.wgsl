// Samples a volume at positions that a grid gives (GridSample), one vec4 of channels an invocation.
//
//   y[n, od, oh, ow, c] = x[n, :, :, :, c] at grid[n, od, oh, ow, :], each from -1 to 1 over the volume, width first
//
// x, y: NDHWC, channels padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as zero.
// grid: dense in ONNX's order [N, OD, OH, OW, 3]; offset in elements.
// MODE: 0 linear, 1 nearest (halves to even). PADDING: 0 zeros outside, 1 the border repeated, 2 mirrored at the border.
// ALIGN: -1 and 1 are the centres of the corner elements, else the volume's edges.
//
// Grid: `count` = batch * out_d * out_h * out_w * c4 invocations.

struct Params {
  count: u32,
  c: u32,
  c4: u32,
  in_d: i32,
  in_h: i32,
  in_w: i32,
  out_d: u32,
  out_h: u32,
  out_w: u32,
  grid_offset: u32,
  x_offset: u32,
  x_stride_n: u32,
  x_stride_d: u32,
  x_stride_h: u32,
  x_stride_w: u32,
  y_offset: u32,
  y_stride_n: u32,
  y_stride_d: u32,
  y_stride_h: u32,
  y_stride_w: u32,
};

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> grid: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

override MODE: u32 = 0u;
override PADDING: u32 = 0u;
override ALIGN: bool = false;

// A position mirrored, as often as need be, into the span from the first element to the last.
fn mirrored(at: f32, extent: f32) -> f32 {
  let low = select(-0.5, 0.0, ALIGN);
  let span = select(extent, extent - 1.0, ALIGN);
  if (span <= 0.0) { return 0.0; }
  let away = select(at - low, low - at, at < low);
  let turns = floor(away / span);
  let rest = away - turns * span;
  return low + select(rest, span - rest, i32(turns) % 2 != 0);
}

// A position from -1 to 1 in elements, as the padding wants it.
fn placed(position: f32, extent: f32) -> f32 {
  var at = ((position + 1.0) * extent - 1.0) * 0.5;
  if (ALIGN) { at = (position + 1.0) * 0.5 * (extent - 1.0); }
  if (PADDING == 2u) { at = mirrored(at, extent); }
  if (PADDING != 0u) { at = clamp(at, 0.0, extent - 1.0); }
  return clamp(at, -1048576.0, 1048576.0);
}

fn element(at: vec3i, source: u32) -> vec4f {
  let last = vec3i(params.in_d, params.in_h, params.in_w) - 1;
  if (PADDING == 0u && (any(at < vec3i(0)) || any(at > last))) { return vec4f(0.0); }
  let inside = vec3u(clamp(at, vec3i(0), last));
  return x[source + inside.x * params.x_stride_d + inside.y * params.x_stride_h + inside.z * params.x_stride_w];
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  let c4 = index % params.c4;
  let position = index / params.c4;
  let column = position % params.out_w;
  let row = (position / params.out_w) % params.out_h;
  let slice = (position / (params.out_w * params.out_h)) % params.out_d;
  let image = position / (params.out_w * params.out_h * params.out_d);
  let source = params.x_offset + image * params.x_stride_n + c4;
  let at_grid = params.grid_offset + position * 3u;
  let at = vec3f(
    placed(grid[at_grid + 2u], f32(params.in_d)),
    placed(grid[at_grid + 1u], f32(params.in_h)),
    placed(grid[at_grid], f32(params.in_w)),
  );
  var value = vec4f(0.0);
  if (MODE == 1u) {
    value = element(vec3i(round(at)), source);
  } else {
    let low = floor(at);
    let part = at - low;
    for (var i = 0u; i < 8u; i++) {
      let step = vec3u(i / 4u, (i / 2u) % 2u, i % 2u);
      let weights = select(1.0 - part, part, step == vec3u(1u));
      value += weights.x * weights.y * weights.z * element(vec3i(low) + vec3i(step), source);
    }
  }
  let lanes = vec4u(0u, 1u, 2u, 3u) + 4u * c4;
  let destination = params.y_offset + image * params.y_stride_n + slice * params.y_stride_d + row * params.y_stride_h +
    column * params.y_stride_w;
  y[destination + c4] = select(vec4f(0.0), value, lanes < vec4u(params.c));
}
