// Convolution of any shape: one to three dimensions, any groups (channel multipliers included), and, with TRANSPOSED, the
// transposed convolution as a sum over the taps that reach an output.
//
// Each invocation computes one output vec4, whose channels may lie in different groups, a scalar input at a time. General, not
// fast: the other kernels of this family take the shapes that they can.
//
//   x        channels last, padded to a multiple of 4: element (n, d, h, w, c) at
//            4 * (x_offset + n * x_stride_n + d * x_stride_d + h * x_stride_h + w * x_stride_w) + c
//   weights  vec4 over output channels: ((c4 * kernel.x + kd) * kernel.y + kh) * kernel.z + kw) * group_in_c + ci, ci within the
//            channel's own group
//   bias     vec4 per output channel group, read where there is a channel
//   y        in vec4, as x, by its own offset and strides; lanes >= out_c are written as zero
//
// Vectors of the parameters hold depth, height and width; the fourth number is not used. Of a group's input channels, those
// from first_ci to before end_ci are summed; where that is not all, what is injected as "start" gives the sum so far.
//
// Grid: ceil(batch * out.x * out.y * out.z * ceil(out_c / 4) / WG) workgroups, folded into (x, y).
// Limit: kernel.x * (1 + kernel.y * (1 + kernel.z * (1 + end_ci - first_ci))) under 65,535 (llvmpipe).

struct Params {
  extent: vec4u,
  out: vec4u,
  kernel: vec4u,
  stride: vec4u,
  dilation: vec4u,
  pad: vec4i,
  batch: u32,
  out_c: u32,
  group_in_c: u32,
  group_out_c: u32,
  first_ci: u32,
  end_ci: u32,
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
  operands: array<vec4u, 4>,
}

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
//#inject weights
@group(0) @binding(1) var<storage, read> weights: array<vec4f>;
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
//#end
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<uniform> params: Params;

override WG: u32 = 64u;
override TRANSPOSED: bool = false;

//#inject start
fn start(pixel: u32, c4: u32) -> vec4f {
  return bias[c4];
}
//#end

//#inject epilogue
fn epilogue(v: vec4f, pixel: u32, c4: u32) -> vec4f {
  return v;
}
//#end

// Where tap `k` of the output at `o` reads along one dimension; what is outside [0, extent) reads nothing.
fn source(o: u32, k: u32, stride: u32, dilation: u32, pad: i32) -> i32 {
  if (TRANSPOSED) {
    let reach = i32(o) + pad - i32(k * dilation);
    if (reach < 0 || reach % i32(stride) != 0) {
      return -1;
    }
    return reach / i32(stride);
  }
  return i32(o * stride) - pad + i32(k * dilation);
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * grid.x + group.x) * WG + local;
  let channels4 = (params.out_c + 3u) / 4u;
  let pixel = index / channels4;
  let c4 = index - pixel * channels4;
  let row = pixel / params.out.z;
  let plane = row / params.out.y;
  let n = plane / params.out.x;
  if (n >= params.batch) {
    return;
  }
  let od = plane - n * params.out.x;
  let oh = row - plane * params.out.y;
  let ow = pixel - row * params.out.z;
  let channel = min(vec4u(4u * c4) + vec4u(0u, 1u, 2u, 3u), vec4u(params.out_c - 1u));
  let first_in = (channel / params.group_out_c) * params.group_in_c;
  let same_group = first_in.x == first_in.w;
  let image = params.x_offset + n * params.x_stride_n;

  var acc = start(pixel, c4);
  for (var kd = 0u; kd < params.kernel.x; kd++) {
    let d = source(od, kd, params.stride.x, params.dilation.x, params.pad.x);
    if (d < 0 || d >= i32(params.extent.x)) {
      continue;
    }
    for (var kh = 0u; kh < params.kernel.y; kh++) {
      let h = source(oh, kh, params.stride.y, params.dilation.y, params.pad.y);
      if (h < 0 || h >= i32(params.extent.y)) {
        continue;
      }
      let line = image + u32(d) * params.x_stride_d + u32(h) * params.x_stride_h;
      for (var kw = 0u; kw < params.kernel.z; kw++) {
        let w = source(ow, kw, params.stride.z, params.dilation.z, params.pad.z);
        if (w < 0 || w >= i32(params.extent.z)) {
          continue;
        }
        let at = 4u * (line + u32(w) * params.x_stride_w);
        let tap = ((c4 * params.kernel.x + kd) * params.kernel.y + kh) * params.kernel.z + kw;
        for (var ci = params.first_ci; ci < params.end_ci; ci++) {
          var v = vec4f(x[at + first_in.x + ci]);
          if (!same_group) {
            v.y = x[at + first_in.y + ci];
            v.z = x[at + first_in.z + ci];
            v.w = x[at + first_in.w + ci];
          }
          acc = fma(v, weights[tap * params.group_in_c + ci], acc);
        }
      }
    }
  }
  let lanes = vec4u(4u * c4) + vec4u(0u, 1u, 2u, 3u) < vec4u(params.out_c);
  let to = params.y_offset + n * params.y_stride_n + od * params.y_stride_d + oh * params.y_stride_h
    + ow * params.y_stride_w + c4;
  y[to] = select(vec4f(), epilogue(acc, pixel, c4), lanes);
}
