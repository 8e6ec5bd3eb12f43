// Pools regions of images to a fixed size by the maximum of whole pixels (MaxRoiPool; Girshick, "Fast R-CNN", 2015), one
// vec4 of channels an invocation.
//
//   y[r, oh, ow, c] = maximum of x[batch, h, w, c] over the pixels of cell (oh, ow) of region r; 0 where it has none
//
// x, y: NHWC, channels padded to a multiple of 4; offsets and strides count vec4s. Padding lanes are written as zero.
// rois: dense [R, 5] of batch index, left, top, right, bottom in the image's units; offset in elements.
//
// Grid: `count` = R * out_h * out_w * c4 invocations.
// Limit: the pixels of a cell, in_h * in_w / (out_h * out_w) and some, must stay under 65,535 (llvmpipe).

struct Params {
  count: u32,
  c: u32,
  c4: u32,
  in_n: i32,
  in_h: i32,
  in_w: i32,
  out_h: u32,
  out_w: u32,
  rois_offset: u32,
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
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

// Halves go away from zero, unlike WGSL's round().
fn nearest(value: f32) -> i32 {
  return i32(sign(value) * floor(abs(value) + 0.5));
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
  let corner = params.rois_offset + roi * 5u;
  let image = u32(clamp(i32(rois[corner]), 0, params.in_n - 1));
  let start = vec2i(nearest(rois[corner + 2u] * params.scale), nearest(rois[corner + 1u] * params.scale));
  let end = vec2i(nearest(rois[corner + 4u] * params.scale), nearest(rois[corner + 3u] * params.scale));
  let size = vec2f(max(end - start + 1, vec2i(1)));
  let step = size / vec2f(f32(params.out_h), f32(params.out_w));
  let at = vec2f(f32(row), f32(column));
  let extent = vec2i(params.in_h, params.in_w);
  let low = clamp(vec2i(floor(at * step)) + start, vec2i(0), extent);
  let high = clamp(vec2i(ceil((at + 1.0) * step)) + start, vec2i(0), extent);
  let source = params.x_offset + image * params.x_stride_n + c4;
  var value = vec4f(0.0);
  if (high.x > low.x && high.y > low.y) {
    value = vec4f(-3.402823466e+38);
  }
  for (var h = low.x; h < high.x; h++) {
    for (var w = low.y; w < high.y; w++) {
      value = max(value, x[source + u32(h) * params.x_stride_h + u32(w) * params.x_stride_w]);
    }
  }
  let lanes = vec4u(0u, 1u, 2u, 3u) + 4u * c4;
  let destination = params.y_offset + roi * params.y_stride_n + row * params.y_stride_h + column * params.y_stride_w;
  y[destination + c4] = select(vec4f(0.0), value, lanes < vec4u(params.c));
}
