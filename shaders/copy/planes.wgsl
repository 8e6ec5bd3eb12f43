// Copies an image, channels last, into a plane for each channel: what networks hand out in ONNX's order.
//
// An invocation takes BLOCKS times four pixels of one group of four channels, and stores them as four in a row of each
// plane, which what is injected as "store" does: as a `vec` where all planes lie on multiples of four elements.
//
//   x  NHWC, channels in vec4: element (n, pixel, c4) at x_offset + n * x_stride_n + pixel * x_stride_pixel + c4
//   y  element (n, c, pixel) at y_offset + n * y_stride_n + c * y_stride_c + pixel; strides count elements
//
// Grid: images * c4 * ceil(pixels / (4 * BLOCKS)) invocations; neighbours take neighbouring pixels.

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

struct Params {
  x_offset: u32,
  x_stride_n: u32,
  x_stride_pixel: u32,
  y_offset: u32,
  y_stride_n: u32,
  y_stride_c: u32,
  images: u32,
  pixels: u32,
  channels: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec>;
@group(0) @binding(2) var<uniform> params: Params;

//#inject store
@group(0) @binding(1) var<storage, read_write> y: array<scalar>;
fn store(at: u32, value: vec, count: u32) {
  y[at] = value.x;
  if (count > 1u) { y[at + 1u] = value.y; }
  if (count > 2u) { y[at + 2u] = value.z; }
  if (count > 3u) { y[at + 3u] = value.w; }
}
//#end

override BLOCKS: u32 = 2u;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  // Before any store: Mesa's software Vulkan loads each of them anew behind one.
  let pixels = params.pixels;
  let channels = params.channels;
  let x_stride_pixel = params.x_stride_pixel;
  let y_stride_c = params.y_stride_c;
  let runs = (pixels + 4u * BLOCKS - 1u) / (4u * BLOCKS);
  let c4s = (channels + 3u) / 4u;

  let index = (group.y * groups.x + group.x) * 64u + local;
  let plane = index / runs;
  let image = plane / c4s;
  let c4 = plane - image * c4s;
  if (image >= params.images) { return; }
  let first = (index - plane * runs) * 4u * BLOCKS;
  let from_image = params.x_offset + image * params.x_stride_n + c4;
  let to_plane = params.y_offset + image * params.y_stride_n + 4u * c4 * y_stride_c;
  let here = min(channels - 4u * c4, 4u);
  //#unroll block BLOCKS
  for (var block = 0u; block < BLOCKS; block++) {
    let begin = first + 4u * block;
    if (begin < pixels) {
      let last = pixels - 1u;
      let a = x[from_image + begin * x_stride_pixel];
      let b = x[from_image + min(begin + 1u, last) * x_stride_pixel];
      let c = x[from_image + min(begin + 2u, last) * x_stride_pixel];
      let d = x[from_image + min(begin + 3u, last) * x_stride_pixel];
      let to = to_plane + begin;
      let count = pixels - begin;
      store(to, vec(a.x, b.x, c.x, d.x), count);
      if (here > 1u) { store(to + y_stride_c, vec(a.y, b.y, c.y, d.y), count); }
      if (here > 2u) { store(to + 2u * y_stride_c, vec(a.z, b.z, c.z, d.z), count); }
      if (here > 3u) { store(to + 3u * y_stride_c, vec(a.w, b.w, c.w, d.w), count); }
    }
  }
  //#end
}
