// One network input from one frame of packed pixels, in one pass over the output: colour conversion, resize, letterbox
// or crop, channel order and normalisation.
//
// pixels  the frame's bytes, four a word, little endian: I420, NV12, RGB24, BGR24, RGBA or GRAY8 without padding
// more    the words after the first params.planes.z, where one binding cannot hold the frame (override SPLIT); else unused
// y       [1, H, W, 4] f32: up to three channels, the other lanes zero; element (h, w) at y_offset + h * W + w
// params  see below; all that changes from frame to frame is here
//
// The pixel format is an override constant (FORMAT: 0 I420, 1 NV12, 2 RGB24, 3 BGR24, 4 RGBA, 5 GRAY8) because software
// Vulkan runs every side of a branch: with the format as a parameter a frame costs 3 times as much there. So is AREA.
//
// Sampling is bilinear between pixel centres with the border repeated (OpenCV's INTER_LINEAR), of taps_x by taps_y points
// spread evenly over the output pixel (one in its centre unless AREA). Chroma is bilinear as well: repeated chroma shifts by up to half a chroma sample and
// puts steps on every coloured edge. YUV is converted after sampling, which is the same up to clamping.
//
// A source position is kept as a whole number and a fraction, because f32 has too few bits for both: the step is split into
// step_high, whose product with a column below 8192 is exact, and the small rest step_low.

struct Params {
  // Output width, height, offset of the first pixel, 0.
  output: vec4u,
  // Source width and height, chroma width and height.
  source: vec4i,
  // First and last + 1 column and row of the output that show the frame.
  content: vec4i,
  // Source pixels an output pixel: x high, y high, x low, y low.
  step: vec4f,
  // Position of output pixel (0, 0)'s centre in the source, less half a pixel: whole x, whole y.
  start: vec2i,
  // Samples an output pixel.
  taps: vec2u,
  // The fraction of start.
  start_fraction: vec2f,
  // Chroma position = luma position / 2 + this.
  chroma_shift: vec2f,
  // Byte offsets of the planes: U (or UV), V. Then the number of words in `pixels` if the frame is split.
  planes: vec4u,
  // (Y, U, V, 1) to R, G, B.
  colour: array<vec4f, 3>,
  // (R, G, B, 1) to the lanes of the output.
  lanes: array<vec4f, 4>,
  // Red, green, blue of the padding.
  pad: vec4f,
}

@group(0) @binding(0) var<storage, read_write> pixels: array<u32>;
@group(0) @binding(1) var<storage, read_write> more: array<u32>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

override SPLIT: bool = false;
override FORMAT: u32 = 0u;
override AREA: bool = false;

// A position between two samples: the two indices, clamped to the border, and the weight of the second.
struct Tap {
  low: i32,
  high: i32,
  weight: f32,
}

fn tap(whole: i32, fraction: f32, size: i32) -> Tap {
  let carry = floor(fraction);
  let index = whole + i32(carry);
  let last = size - 1;
  return Tap(clamp(index, 0, last), clamp(index + 1, 0, last), fraction - carry);
}

fn chroma_tap(whole: i32, fraction: f32, shift: f32, size: i32) -> Tap {
  let half = whole >> 1u;
  return tap(half, (f32(whole & 1) + fraction) * 0.5 + shift, size);
}

fn word_at(index: u32) -> u32 {
  if (SPLIT && index >= params.planes.z) {
    return more[index - params.planes.z];
  }
  return pixels[index];
}

fn byte_at(index: u32) -> f32 {
  return f32((word_at(index >> 2u) >> ((index & 3u) * 8u)) & 255u);
}

// Three bytes that may straddle two words.
fn three_at(index: u32) -> vec3f {
  let word = index >> 2u;
  let shift = (index & 3u) * 8u;
  var bits = word_at(word) >> shift;
  if (shift > 8u) {
    bits |= word_at(word + 1u) << (32u - shift);
  }
  return vec3f(f32(bits & 255u), f32((bits >> 8u) & 255u), f32((bits >> 16u) & 255u));
}

fn plane_sample(plane: u32, width: i32, x: Tap, y: Tap) -> f32 {
  let upper = plane + u32(y.low * width);
  let lower = plane + u32(y.high * width);
  let a = mix(byte_at(upper + u32(x.low)), byte_at(upper + u32(x.high)), x.weight);
  let b = mix(byte_at(lower + u32(x.low)), byte_at(lower + u32(x.high)), x.weight);
  return mix(a, b, y.weight);
}

fn pair_at(index: u32) -> vec2f {
  return vec2f(byte_at(index), byte_at(index + 1u));
}

fn pair_sample(plane: u32, width: i32, x: Tap, y: Tap) -> vec2f {
  let upper = plane + u32(y.low * width) * 2u;
  let lower = plane + u32(y.high * width) * 2u;
  let a = mix(pair_at(upper + u32(x.low) * 2u), pair_at(upper + u32(x.high) * 2u), x.weight);
  let b = mix(pair_at(lower + u32(x.low) * 2u), pair_at(lower + u32(x.high) * 2u), x.weight);
  return mix(a, b, y.weight);
}

fn three_sample(width: i32, x: Tap, y: Tap) -> vec3f {
  let upper = u32(y.low * width);
  let lower = u32(y.high * width);
  let a = mix(three_at((upper + u32(x.low)) * 3u), three_at((upper + u32(x.high)) * 3u), x.weight);
  let b = mix(three_at((lower + u32(x.low)) * 3u), three_at((lower + u32(x.high)) * 3u), x.weight);
  return mix(a, b, y.weight);
}

fn four_sample(width: i32, x: Tap, y: Tap) -> vec3f {
  let upper = u32(y.low * width);
  let lower = u32(y.high * width);
  let a = mix(three_at((upper + u32(x.low)) * 4u), three_at((upper + u32(x.high)) * 4u), x.weight);
  let b = mix(three_at((lower + u32(x.low)) * 4u), three_at((lower + u32(x.high)) * 4u), x.weight);
  return mix(a, b, y.weight);
}

// Red, green and blue at a position given as whole number and fraction.
fn sample(whole: vec2i, fraction: vec2f) -> vec3f {
  let size = params.source;
  let x = tap(whole.x, fraction.x, size.x);
  let y = tap(whole.y, fraction.y, size.y);
  if (FORMAT <= 1u) {
    let luma = plane_sample(0u, size.x, x, y);
    let chroma_x = chroma_tap(whole.x, fraction.x, params.chroma_shift.x, size.z);
    let chroma_y = chroma_tap(whole.y, fraction.y, params.chroma_shift.y, size.w);
    var uv: vec2f;
    if (FORMAT == 0u) {
      uv.x = plane_sample(params.planes.x, size.z, chroma_x, chroma_y);
      uv.y = plane_sample(params.planes.y, size.z, chroma_x, chroma_y);
    } else {
      uv = pair_sample(params.planes.x, size.z, chroma_x, chroma_y);
    }
    let yuv = vec4f(luma, uv, 1.0);
    let rgb = vec3f(dot(params.colour[0], yuv), dot(params.colour[1], yuv), dot(params.colour[2], yuv));
    return clamp(rgb, vec3f(0.0), vec3f(255.0));
  }
  if (FORMAT == 2u) {
    return three_sample(size.x, x, y);
  }
  if (FORMAT == 3u) {
    return three_sample(size.x, x, y).zyx;
  }
  if (FORMAT == 4u) {
    return four_sample(size.x, x, y);
  }
  return vec3f(plane_sample(0u, size.x, x, y));
}

@compute @workgroup_size(16, 4)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let size = params.output;
  if (id.x >= size.x || id.y >= size.y) {
    return;
  }
  let at = vec2i(id.xy);
  var rgb = params.pad.xyz;
  if (all(at >= params.content.xy) && all(at < params.content.zw)) {
    let column = vec2f(id.xy);
    let high = column * params.step.xy;
    let whole_high = floor(high);
    let whole = vec2i(whole_high) + params.start;
    let fraction = (high - whole_high) + column * params.step.zw + params.start_fraction;
    if (!AREA) {
      rgb = sample(whole, fraction);
    } else {
      // Plus 0, which a compiler does not see. Mesa's software Vulkan compiles a kernel anew at every dispatch, and never
      // frees it, when loops hang on uniforms alone and putting in their values makes the kernel much shorter.
      let taps = params.taps + (id.xy >> vec2u(31u));
      let step = params.step.xy + params.step.zw;
      var sum = vec3f(0.0);
      for (var j = 0u; j < taps.y; j++) {
        for (var i = 0u; i < taps.x; i++) {
          let inside = (vec2f(vec2u(i, j)) + 0.5) / vec2f(taps) - 0.5;
          sum += sample(whole, fraction + inside * step);
        }
      }
      rgb = sum / f32(taps.x * taps.y);
    }
  }
  let pixel = vec4f(rgb, 1.0);
  y[size.z + id.y * size.x + id.x] = vec4f(
    dot(params.lanes[0], pixel),
    dot(params.lanes[1], pixel),
    dot(params.lanes[2], pixel),
    dot(params.lanes[3], pixel),
  );
}
