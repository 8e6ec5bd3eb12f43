// Convolution with weights that stay: each invocation holds all weights of Q output channel groups (vec4) in registers and
// goes through a run of pixels, one after the other. Eight invocations, a subgroup, are STREAMS times LANES: those of a stream take
// neighbouring output channels and share each pixel's inputs, of which each loads one vec4 and has the others by broadcast;
// the streams take turns with the pixels. With up to 16 output channels four lanes or fewer have them all.
//
//   y[pixel, co] = epilogue(bias[co] + sum over ky, kx, ci of x[pixel at tap (ky, kx), ci] * w[co, ky, kx, ci])
//
// For windows of few inputs in all (E vec4s: 1x1 with up to 288 channels, 3x3 with up to 32), any stride, dilation and asymmetric
// padding, one group. Mesa's llvmpipe spills the weights to the stack, from where a multiplication takes its factor for nothing:
// 16>96 channels at 112x112 take 2.5 ms in place of 4.2 by conv/implicit_gemm, which passes weights round.
//
// Needs the feature "subgroups" with 8 invocations a subgroup, or a multiple of 8. What is injected as "share" is the broadcast
// that it is once all is unrolled and one stream or two quads share; one lane alone needs none.
//
//   x        NHWC, channels in vec4: element (n, h, w, c4) at x_offset + n * x_stride_n + h * x_stride_h + w * x_stride_w + c4
//   weights  vec4 over output channels: element (ky * KW + kx) * 4 * in_c4 + ci of row co4, in a texture a row of its texels
//   bias     vec4 per output channel group, zeros where there is no channel
//   y        as x, by its own offset and strides; lanes >= out_c are written as zero. With PLANES one plane for each channel, by
//            y_stride_n and y_stride_c, its pixels in vec4s: for images whose pixels are a multiple of four
//
// Grid: ceil(batch * out_h * out_w / run) workgroups, folded into (x, y), times ceil(out_c4 / (LANES * Q)) along z. A turn of the
// loop takes STEPS times AT_ONCE pixels (GATHERED), in each of STREAMS = 8 / LANES streams, and `run` is a multiple of that. The inputs
// of AT_ONCE pixels are loaded together; four are GATHERED with PLANES. AT_ONCE and (STREAMS - 1) * GATHERED are <= out_w.
// E = KH * KW * C4, INPUTS = 4 * E. LOADS = ceil(AT_ONCE * E / LANES), which is 1 unless AT_ONCE is.
// With fewer than four input channels another "sum" is injected: the lanes of padding are not multiplied.
// Limit: run / (STREAMS * GATHERED) iterations an invocation must stay under 65,535 (llvmpipe).

struct Params {
  x_offset: u32,
  x_stride_n: u32,
  x_stride_h: u32,
  x_stride_w: u32,
  y_offset: u32,
  y_stride_n: u32,
  y_stride_h: u32,
  y_stride_w: u32,
  y_stride_c: u32,
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
  run: u32,
  operands: array<vec4u, 4>,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
//#inject weights
@group(0) @binding(1) var<storage, read> weights: array<vec4f>;
fn weight(at: u32, row: u32) -> vec4f {
  return weights[row * INPUTS + at];
}
//#end
@group(0) @binding(2) var<storage, read> bias: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(4) var<uniform> params: Params;

//#inject tile
const KH = 1u;
const KW = 1u;
const C4 = 4u;
const E = 4u;
const INPUTS = 16u;
const Q = 2u;
const LANES = 8u;
const STREAMS = 1u;
const AT_ONCE = 2u;
const GATHERED = 2u;
const STEPS = 1u;
const LOADS = 1u;
//#end

override PLANES: bool = false;

//#inject epilogue
fn epilogue(v: vec4f, pixel: u32, c4: u32) -> vec4f {
  return v;
}
//#end

// The sum with four channels of an input, each times its weights. A function keeps unrolled text short: compilers front to back
// take longer than in proportion to it.
//#inject sum
fn accumulate(before: vec4f, v: vec4f, w0: vec4f, w1: vec4f, w2: vec4f, w3: vec4f) -> vec4f {
  return fma(vec4f(v.w), w3, fma(vec4f(v.z), w2, fma(vec4f(v.y), w1, fma(vec4f(v.x), w0, before))));
}
//#end

// A pixel of the output: its column, row and image.
struct Pixel {
  w: u32,
  h: u32,
  n: u32,
}

fn pixel_of(number: u32) -> Pixel {
  let row = number / params.out_w;
  let n = row / params.out_h;
  return Pixel(number - row * params.out_w, row - n * params.out_h, n);
}

// The pixel that comes `step` after one; step <= out_w.
fn moved(at: Pixel, step: u32, out_w: u32, out_h: u32) -> Pixel {
  let next_row = at.w + step >= out_w;
  let h = at.h + u32(next_row);
  let next_image = h == out_h;
  return Pixel(
    at.w + step - select(0u, out_w, next_row),
    select(h, 0u, next_image),
    at.n + u32(next_image),
  );
}

@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(subgroup_invocation_id) own: u32,
) {
  let lane = own % LANES;
  let stream = own % 8u / LANES;
  // Before any store: what is read behind one is read anew each time.
  let out_w = params.out_w;
  let out_h = params.out_h;
  let out_c = params.out_c;
  let last_c4 = params.group_out_c4 - 1u;
  let in_w = params.in_w;
  let in_h = params.in_h;
  let stride_w = params.stride_w;
  let stride_h = params.stride_h;
  let x_stride_n = params.x_stride_n;
  let x_stride_h = params.x_stride_h;
  let x_stride_w = params.x_stride_w;
  let y_offset = params.y_offset;
  let y_stride_n = params.y_stride_n;
  let y_stride_h = params.y_stride_h;
  let y_stride_w = params.y_stride_w;
  let y_stride_c = params.y_stride_c;
  let pixels = params.batch * out_h * out_w;
  let first = (group.y * grid.x + group.x) * params.run;
  if (first >= pixels) {
    return;
  }
  let end = min(first + params.run, pixels);

  var c4: array<u32, Q>;
  var from_c4: array<u32, Q>;
  var w: array<vec4f, Q * INPUTS>;
  var b: array<vec4f, Q>;
  //#unroll q Q
  for (var q = 0u; q < Q; q++) {
    c4[q] = (group.z * Q + q) * LANES + lane;
    from_c4[q] = min(c4[q], last_c4);
    b[q] = bias[from_c4[q]];
    //#unroll i INPUTS
    for (var i = 0u; i < INPUTS; i++) {
      w[q * INPUTS + i] = weight(i, from_c4[q]);
    }
    //#end
  }
  //#end

  // What this invocation loads: LOADS entries of the window of one of AT_ONCE pixels, and one entry where there are several.
  var entry_y: array<u32, LOADS>;
  var entry_x: array<u32, LOADS>;
  var entry_from: array<u32, LOADS>;
  //#unroll l LOADS
  for (var l = 0u; l < LOADS; l++) {
    let number = min(l * LANES + lane, AT_ONCE * E - 1u);
    let entry = number % E;
    let tap = select(entry / C4, 0u, E == C4);
    entry_y[l] = tap / KW * params.dilation_h - params.pad_top;
    entry_x[l] = tap % KW * params.dilation_w - params.pad_left;
    entry_from[l] = params.x_offset + entry % C4;
  }
  //#end

  let begin = first + stream * GATHERED;
  var source = pixel_of(begin + min(lane, AT_ONCE * E - 1u) / E);
  var place = pixel_of(begin);
  for (var turn = first; turn < end; turn += STREAMS * GATHERED) {
    let p = turn + stream * GATHERED;
    var row: array<vec4f, Q * GATHERED>;
    let start = place;
    //#unroll step STEPS
    for (var step = 0u; step < STEPS; step++) {
      var taken: array<vec4f, LOADS>;
      //#unroll l LOADS
      for (var l = 0u; l < LOADS; l++) {
        // What is above or left of the image is far behind it, unsigned.
        let at_y = source.h * stride_h + entry_y[l];
        let at_x = source.w * stride_w + entry_x[l];
        let inside = (at_y < in_h) & (at_x < in_w);
        let at = entry_from[l] + source.n * x_stride_n + at_y * x_stride_h + at_x * x_stride_w;
        taken[l] = select(vec4f(), x[select(0u, at, inside)], inside);
      }
      //#end
      source = moved(source, AT_ONCE, out_w, out_h);
      //#unroll t AT_ONCE
      for (var t = 0u; t < AT_ONCE; t++) {
        var sum: array<vec4f, Q>;
        //#unroll q Q
        for (var q = 0u; q < Q; q++) {
          sum[q] = b[q];
        }
        //#end
        //#unroll e E
        for (var e = 0u; e < E; e++) {
          //#inject share
          let v = subgroupShuffle(taken[(t * E + e) / LANES], stream * LANES + (t * E + e) % LANES);
          //#end
          //#unroll q Q
          for (var q = 0u; q < Q; q++) {
            sum[q] = accumulate(
              sum[q],
              v,
              w[q * INPUTS + 4u * e],
              w[q * INPUTS + 4u * e + 1u],
              w[q * INPUTS + 4u * e + 2u],
              w[q * INPUTS + 4u * e + 3u],
            );
          }
          //#end
        }
        //#end
        let pixel = p + step * AT_ONCE + t;
        let to = y_offset + place.n * y_stride_n + place.h * y_stride_h + place.w * y_stride_w;
        //#unroll q Q
        for (var q = 0u; q < Q; q++) {
          if (PLANES) {
            row[q * GATHERED + step * AT_ONCE + t] = epilogue(sum[q], pixel, c4[q]);
          } else if (pixel < end && c4[q] <= last_c4) {
            let lanes = vec4u(4u * c4[q]) + vec4u(0u, 1u, 2u, 3u) < vec4u(out_c);
            y[to + c4[q]] = select(vec4f(), epilogue(sum[q], pixel, c4[q]), lanes);
          }
        }
        //#end
        place = moved(place, 1u, out_w, out_h);
      }
      //#end
    }
    //#end
    if (STREAMS > 1u) {
      source = moved(source, (STREAMS - 1u) * GATHERED, out_w, out_h);
      place = moved(place, (STREAMS - 1u) * GATHERED, out_w, out_h);
    }
    //#unroll q Q
    for (var q = 0u; q < Q; q++) {
      if (PLANES && p < end && c4[q] <= last_c4) {
        let to = y_offset + start.n * y_stride_n + (start.h * out_w + start.w) / 4u + 4u * c4[q] * y_stride_c;
        let here = out_c - 4u * c4[q];
        let r0 = row[q * GATHERED];
        let r1 = row[q * GATHERED + 1u % GATHERED];
        let r2 = row[q * GATHERED + 2u % GATHERED];
        let r3 = row[q * GATHERED + 3u % GATHERED];
        y[to] = vec4f(r0.x, r1.x, r2.x, r3.x);
        if (here > 1u) { y[to + y_stride_c] = vec4f(r0.y, r1.y, r2.y, r3.y); }
        if (here > 2u) { y[to + 2u * y_stride_c] = vec4f(r0.z, r1.z, r2.z, r3.z); }
        if (here > 3u) { y[to + 3u * y_stride_c] = vec4f(r0.w, r1.w, r2.w, r3.w); }
      }
    }
    //#end
  }
}
