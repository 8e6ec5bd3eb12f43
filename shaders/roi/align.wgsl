// Pools regions of images to a fixed size by samples between pixels (RoiAlign; He et al., "Mask R-CNN", 2017), one vec4
// of channels an invocation.
//
//   y[r, oh, ow, c] = mean or maximum over a grid of positions in cell (oh, ow) of region r of x[batch[r], :, :, c] there
//
// x, y: NHWC, channels padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as zero.
// rois: dense [R, 4] of left, top, right, bottom in the image's units; batch: dense [R]; offsets in elements. Positions
// more than a pixel outside count as zero; a batch index outside is taken as the nearest.
// RATIO: positions along each side of a cell; 0: as many as the cell has pixels, and at most 240, as llvmpipe stops
// after 65,535 iterations. HALF: pixel centres lie at halves. MAXIMUM: of the weighted corners of all positions, as in
// ONNX Runtime.
//
// Grid: `count` = R * out_h * out_w * c4 invocations.

struct Params {
  count: u32,
  c: u32,
  c4: u32,
  in_n: i32,
  in_h: u32,
  in_w: u32,
  out_h: u32,
  out_w: u32,
  rois_offset: u32,
  batch_offset: u32,
  scale: f32,
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
@group(0) @binding(1) var<storage, read_write> rois: array<f32>;
@group(0) @binding(2) var<storage, read_write> batch: array<i32>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<uniform> params: Params;

override RATIO: u32 = 0u;
override HALF: bool = true;
override MAXIMUM: bool = false;

const MOST = 240.0;

// The pixel before a position, the one behind it, and how far it is from the first.
struct Between {
  low: u32,
  high: u32,
  part: f32,
  inside: bool,
};

fn between(at: f32, extent: u32) -> Between {
  var result = Between(0u, 0u, 0.0, at >= -1.0 && at <= f32(extent));
  let inner = max(at, 0.0);
  result.low = min(u32(inner), extent - 1u);
  result.high = min(result.low + 1u, extent - 1u);
  result.part = select(inner - f32(result.low), 0.0, result.low + 1u >= extent);
  return result;
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
  let cell = index / params.c4;
  let column = cell % params.out_w;
  let row = (cell / params.out_w) % params.out_h;
  let roi = cell / (params.out_w * params.out_h);
  let corner = params.rois_offset + roi * 4u;
  let shift = select(0.0, 0.5, HALF);
  let start = vec2f(rois[corner + 1u], rois[corner]) * params.scale - shift;
  var size = vec2f(rois[corner + 3u], rois[corner + 2u]) * params.scale - shift - start;
  if (!HALF) { size = max(size, vec2f(1.0)); }
  let step = size / vec2f(f32(params.out_h), f32(params.out_w));
  var samples = vec2u(RATIO);
  if (RATIO == 0u) { samples = vec2u(clamp(ceil(step), vec2f(0.0), vec2f(MOST))); }
  let image = u32(clamp(batch[params.batch_offset + roi], 0, params.in_n - 1));
  let source = params.x_offset + image * params.x_stride_n + c4;
  let origin = start + step * vec2f(f32(row), f32(column));
  var value = vec4f(0.0);
  var first = true;
  for (var i = 0u; i < samples.x; i++) {
    let rows = between(origin.x + (f32(i) + 0.5) * step.x / f32(samples.x), params.in_h);
    for (var j = 0u; j < samples.y; j++) {
      let columns = between(origin.y + (f32(j) + 0.5) * step.y / f32(samples.y), params.in_w);
      let inside = select(0.0, 1.0, rows.inside && columns.inside);
      let a = inside * (1.0 - rows.part) * (1.0 - columns.part) * x[source + rows.low * params.x_stride_h + columns.low * params.x_stride_w];
      let b = inside * (1.0 - rows.part) * columns.part * x[source + rows.low * params.x_stride_h + columns.high * params.x_stride_w];
      let c = inside * rows.part * (1.0 - columns.part) * x[source + rows.high * params.x_stride_h + columns.low * params.x_stride_w];
      let d = inside * rows.part * columns.part * x[source + rows.high * params.x_stride_h + columns.high * params.x_stride_w];
      if (MAXIMUM) {
        let most = max(max(a, b), max(c, d));
        value = select(max(value, most), most, first);
        first = false;
      } else {
        value += a + b + c + d;
      }
    }
  }
  if (!MAXIMUM) { value = value / f32(max(samples.x * samples.y, 1u)); }
  let lanes = vec4u(0u, 1u, 2u, 3u) + 4u * c4;
  let destination = params.y_offset + roi * params.y_stride_n + row * params.y_stride_h + column * params.y_stride_w;
  y[destination + c4] = select(vec4f(0.0), value, lanes < vec4u(params.c));
}
