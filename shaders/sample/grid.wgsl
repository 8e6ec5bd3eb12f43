// Samples an image at positions that a grid gives (GridSample), one vec4 of channels an invocation.
//
//   y[n, oh, ow, c] = x[n, :, :, c] at (grid[n, oh, ow, 1], grid[n, oh, ow, 0]), both from -1 to 1 over the image
//
// x, y: NHWC, channels padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as zero.
// grid: dense in ONNX's order [N, OH, OW, 2], x before y; offset in elements.
// MODE: 0 linear, 1 nearest (halves to even), 2 cubic (Keys, -0.75). PADDING: 0 zeros outside, 1 the border repeated,
// 2 mirrored at the border. ALIGN: -1 and 1 are the centres of the corner pixels, else the image's edges.
//
// Grid: `count` = batch * out_h * out_w * c4 invocations.

struct Params {
  count: u32,
  c: u32,
  c4: u32,
  in_h: i32,
  in_w: i32,
  out_h: u32,
  out_w: u32,
  grid_offset: u32,
  x_offset: u32,
  x_stride_n: u32,
  x_stride_h: u32,
  x_stride_w: u32,
  y_offset: u32,
  y_stride_n: u32,
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

// A position from -1 to 1 in pixels.
fn pixels(at: f32, extent: i32) -> f32 {
  if (ALIGN) { return (at + 1.0) * 0.5 * f32(extent - 1); }
  return ((at + 1.0) * f32(extent) - 1.0) * 0.5;
}

// A position mirrored, as often as need be, into the span from the first pixel to the last.
fn mirrored(at: f32, extent: i32) -> f32 {
  let low = select(-0.5, 0.0, ALIGN);
  let span = select(f32(extent), f32(extent - 1), ALIGN);
  if (span <= 0.0) { return 0.0; }
  let away = select(at - low, low - at, at < low);
  let turns = floor(away / span);
  let rest = away - turns * span;
  return low + select(rest, span - rest, i32(turns) % 2 != 0);
}

// A position as the padding wants it.
fn placed(at: f32, extent: i32) -> f32 {
  if (PADDING == 1u) { return clamp(at, 0.0, f32(extent - 1)); }
  if (PADDING == 2u) { return clamp(mirrored(at, extent), 0.0, f32(extent - 1)); }
  return at;
}

// Positions far outside, or no numbers, as whole numbers that i32 holds.
fn whole(at: f32) -> i32 {
  return i32(clamp(at, -1048576.0, 1048576.0));
}

fn pixel(row: i32, column: i32, source: u32) -> vec4f {
  var at = vec2i(row, column);
  let last = vec2i(params.in_h - 1, params.in_w - 1);
  if (PADDING == 0u && (any(at < vec2i(0)) || any(at > last))) { return vec4f(0.0); }
  if (PADDING == 2u) { at = vec2i(i32(round(mirrored(f32(row), params.in_h))), i32(round(mirrored(f32(column), params.in_w)))); }
  at = clamp(at, vec2i(0), last);
  return x[source + u32(at.x) * params.x_stride_h + u32(at.y) * params.x_stride_w];
}

// Keys' kernel at the four pixels around a position, `t` behind the second of them.
fn cubic(t: f32) -> vec4f {
  let a = -0.75;
  let d = vec4f(t + 1.0, t, 1.0 - t, 2.0 - t);
  let near = ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
  let far = ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a;
  return vec4f(far.x, near.y, near.z, far.w);
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
  let image = position / (params.out_w * params.out_h);
  let source = params.x_offset + image * params.x_stride_n + c4;
  let at_grid = params.grid_offset + position * 2u;
  var h = pixels(grid[at_grid + 1u], params.in_h);
  var w = pixels(grid[at_grid], params.in_w);
  var value = vec4f(0.0);
  if (MODE == 2u) {
    let top = floor(h);
    let left = floor(w);
    let rows = cubic(h - top);
    let columns = cubic(w - left);
    for (var i = 0; i < 4; i++) {
      var line = vec4f(0.0);
      for (var j = 0; j < 4; j++) {
        line += columns[j] * pixel(whole(top) - 1 + i, whole(left) - 1 + j, source);
      }
      value += rows[i] * line;
    }
  } else {
    h = placed(h, params.in_h);
    w = placed(w, params.in_w);
    if (MODE == 1u) {
      value = pixel(whole(round(h)), whole(round(w)), source);
    } else {
      let top = floor(h);
      let left = floor(w);
      let v = h - top;
      let u = w - left;
      let r = whole(top);
      let k = whole(left);
      value = (1.0 - v) * ((1.0 - u) * pixel(r, k, source) + u * pixel(r, k + 1, source)) +
        v * ((1.0 - u) * pixel(r + 1, k, source) + u * pixel(r + 1, k + 1, source));
    }
  }
  let lanes = vec4u(0u, 1u, 2u, 3u) + 4u * c4;
  let destination = params.y_offset + image * params.y_stride_n + row * params.y_stride_h + column * params.y_stride_w;
  y[destination + c4] = select(vec4f(0.0), value, lanes < vec4u(params.c));
}
