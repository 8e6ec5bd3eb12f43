// Convolution as implicit GEMM with tiles in workgroup memory, for real GPUs (on llvmpipe the register kernels are faster).
//
//   y[pixel, co] = epilogue(bias[co] + sum over ky, kx, ci of x[pixel at tap (ky, kx), ci] * w[co, ky, kx, ci])
//
// A workgroup computes TILE_PIXELS x TILE_CHANNELS4 output vec4. It goes through the taps and input channels STEP4 vec4 at a
// time: all invocations bring the step's inputs and weights to workgroup memory, then each adds to its P x Q vec4 in registers.
// Any kernel size (1x1 included), stride, dilation and asymmetric padding. Groups are allowed when the channels of a group
// are a multiple of 4 both in and out.
//
//   x        NHWC, channels in vec4: element (n, h, w, c4) at x_offset + n * x_stride_n + h * x_stride_h + w * x_stride_w + c4
//   weights  vec4 over output channels: (co4 * KH * KW + ky * KW + kx) * 4 * group_in_c4 + ci, ci within the group
//   bias     vec4 per output channel group, zeros where there is no channel
//   y        as x, by its own offset and strides; lanes >= out_c are written as zero
//
// Grid: ceil(batch * out_h * out_w / TILE_PIXELS) * groups * ceil(group_out_c4 / TILE_CHANNELS4) workgroups, folded into (x, y).
// TILE_PIXELS is a multiple of P, TILE_CHANNELS4 of Q, and WG = (TILE_PIXELS / P) * (TILE_CHANNELS4 / Q).
// Workgroup memory: 16 * STEP4 * (TILE_PIXELS + 4 * TILE_CHANNELS4) bytes.

struct Params {
  x_offset: u32,
  x_stride_n: u32,
  x_stride_h: u32,
  x_stride_w: u32,
  y_offset: u32,
  y_stride_n: u32,
  y_stride_h: u32,
  y_stride_w: u32,
  batch: u32,
  in_h: u32,
  in_w: u32,
  group_in_c4: u32,
  out_h: u32,
  out_w: u32,
  out_c: u32,
  group_out_c4: u32,
  stride_h: u32,
  stride_w: u32,
  dilation_h: u32,
  dilation_w: u32,
  pad_top: u32,
  pad_left: u32,
  groups: u32,
  in_c: u32,
  operands: array<vec4u, 4>,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read> weights: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<uniform> params: Params;

override WG: u32 = 64u;
override KH: u32 = 3u;
override KW: u32 = 3u;

//#inject tile
const TILE_PIXELS = 32u;
const TILE_CHANNELS4 = 16u;
const STEP4 = 4u;
const P = 4u;
const Q = 2u;
//#end

//#inject epilogue
fn epilogue(v: vec4f, pixel: u32, c4: u32) -> vec4f {
  return v;
}
//#end

// [k4][pixel]: neighbouring invocations write neighbouring elements, and all invocations of a row read the same one.
var<workgroup> x_tile: array<vec4f, STEP4 * TILE_PIXELS>;
// [k][co4]
var<workgroup> w_tile: array<vec4f, 4u * STEP4 * TILE_CHANNELS4>;

// The sum with four channels of an input, each times its weights. A function keeps unrolled text short: compilers front to back
// take longer than in proportion to it.
fn accumulate(sum: vec4f, v: vec4f, w0: vec4f, w1: vec4f, w2: vec4f, w3: vec4f) -> vec4f {
  return fma(vec4f(v.w), w3, fma(vec4f(v.z), w2, fma(vec4f(v.y), w1, fma(vec4f(v.x), w0, sum))));
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let pixels = params.batch * params.out_h * params.out_w;
  let pixel_blocks = (pixels + TILE_PIXELS - 1u) / TILE_PIXELS;
  let channel_blocks = (params.group_out_c4 + TILE_CHANNELS4 - 1u) / TILE_CHANNELS4;
  let place = group.y * grid.x + group.x;
  let channel_block = place / pixel_blocks;
  if (channel_block >= channel_blocks * params.groups) {
    return;
  }
  let conv_group = channel_block / channel_blocks;
  let first_in_group = (channel_block % channel_blocks) * TILE_CHANNELS4;
  let first_pixel = (place % pixel_blocks) * TILE_PIXELS;
  let group_c4 = conv_group * params.group_out_c4;
  let image = params.x_offset + conv_group * params.group_in_c4;
  let taps = KH * KW;
  let depth4 = taps * params.group_in_c4;

  // This invocation's outputs: pixels my_pixel + t * (TILE_PIXELS / P), channel groups my_c4 + q * (TILE_CHANNELS4 / Q).
  let my_c4 = local % (TILE_CHANNELS4 / Q);
  let my_pixel = local / (TILE_CHANNELS4 / Q);

  var acc: array<vec4f, P * Q>;
  for (var start = 0u; start < depth4; start += STEP4) {
    for (var i = local; i < STEP4 * TILE_PIXELS; i += WG) {
      // k4 runs fastest here, so that neighbours read neighbouring channels of one pixel.
      let in_step = i % STEP4;
      let k4 = start + in_step;
      let pixel = first_pixel + i / STEP4;
      var v = vec4f();
      if (k4 < depth4 && pixel < pixels) {
        let tap = k4 / params.group_in_c4;
        let ky = tap / KW;
        let row = pixel / params.out_w;
        let n = row / params.out_h;
        let h = i32((row - n * params.out_h) * params.stride_h + ky * params.dilation_h) - i32(params.pad_top);
        let w = i32((pixel - row * params.out_w) * params.stride_w + (tap - ky * KW) * params.dilation_w)
          - i32(params.pad_left);
        if ((u32(h) < params.in_h) & (u32(w) < params.in_w)) {
          v = x[image + n * params.x_stride_n + u32(h) * params.x_stride_h + u32(w) * params.x_stride_w
            + k4 - tap * params.group_in_c4];
        }
      }
      x_tile[in_step * TILE_PIXELS + i / STEP4] = v;
    }
    for (var i = local; i < 4u * STEP4 * TILE_CHANNELS4; i += WG) {
      let k = i % (4u * STEP4);
      let in_group = first_in_group + i / (4u * STEP4);
      var w = vec4f();
      if (4u * start + k < 4u * depth4 && in_group < params.group_out_c4) {
        w = weights[(group_c4 + in_group) * 4u * depth4 + 4u * start + k];
      }
      w_tile[k * TILE_CHANNELS4 + i / (4u * STEP4)] = w;
    }
    workgroupBarrier();
    for (var s = 0u; s < STEP4; s++) {
      var v: array<vec4f, P>;
      //#unroll t P
      for (var t = 0u; t < P; t++) {
        v[t] = x_tile[s * TILE_PIXELS + my_pixel + t * (TILE_PIXELS / P)];
      }
      //#end
      //#unroll q Q
      for (var q = 0u; q < Q; q++) {
        let at = 4u * s * TILE_CHANNELS4 + my_c4 + q * (TILE_CHANNELS4 / Q);
        let w0 = w_tile[at];
        let w1 = w_tile[at + TILE_CHANNELS4];
        let w2 = w_tile[at + 2u * TILE_CHANNELS4];
        let w3 = w_tile[at + 3u * TILE_CHANNELS4];
        //#unroll t P
        for (var t = 0u; t < P; t++) {
          acc[t * Q + q] = accumulate(acc[t * Q + q], v[t], w0, w1, w2, w3);
        }
        //#end
      }
      //#end
    }
    workgroupBarrier();
  }

  //#unroll t P
  for (var t = 0u; t < P; t++) {
    let pixel = first_pixel + my_pixel + t * (TILE_PIXELS / P);
    //#unroll q Q
    for (var q = 0u; q < Q; q++) {
      let in_group = first_in_group + my_c4 + q * (TILE_CHANNELS4 / Q);
      if (pixel < pixels && in_group < params.group_out_c4) {
        let c4 = group_c4 + in_group;
        let row = pixel / params.out_w;
        let n = row / params.out_h;
        let lanes = vec4u(4u * c4) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.out_c);
        let to = params.y_offset + n * params.y_stride_n + (row - n * params.out_h) * params.y_stride_h
          + (pixel - row * params.out_w) * params.y_stride_w + c4;
        y[to] = select(vec4f(), epilogue(acc[t * Q + q] + bias[c4], pixel, c4), lanes);
      }
    }
    //#end
  }
  //#end
}
