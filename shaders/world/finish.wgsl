// The picture as a camera gives it: samples gathered into pixels, blur, exposure, tone curve, rain in the air, sensor noise;
// then packed to bytes. One invocation makes four pixels of a row.
//
// colours  two words a sample, halves (shade.wgsl)
// depths   a float a pixel first, at its centre (trace.wgsl)
// pixels   red, green and blue a byte each, no gaps: three words for four pixels
// params   below
//
// With STEP 2 a pixel is the mean of 3 x 3 samples under a tent (1 2 1), so that the truth, which is of its middle sample, has
// the same centre; samples that pick.wgsl left out have the middle one's colour. Motion blur averages along the way that the point moved since the last frame; defocus over a disc.
// The tone curve is Narkowicz's fit of ACES (2015).

struct Params {
  // Width, height, samples a row, sample rows.
  size: vec4u,
  // Exposure, noise, rain, time.
  treat: vec4f,
  // Defocus: radius in pixels at infinity, focus distance in metres; shutter as a share of the frame time; vignette.
  blur: vec4f,
  // Camera now to camera before, three rows, then the lens: focal length, principal point, 0.
  before_x: vec4f,
  before_y: vec4f,
  before_z: vec4f,
  lens: vec4f,
  // Seed of the noise, 0, 0, 0.
  seed: vec4u,
}

override STEP: u32 = 1u;
override BLUR: bool = false;

@group(0) @binding(0) var<storage, read_write> colours: array<vec2u>;
@group(0) @binding(1) var<storage, read_write> depths: array<f32>;
@group(0) @binding(2) var<storage, read_write> pixels: array<u32>;
@group(0) @binding(3) var<uniform> params: Params;

fn hash(value: u32) -> u32 {
  var h = value * 0x9e3779b1u;
  h = (h ^ (h >> 15u)) * 0x2c1b3c6du;
  h = (h ^ (h >> 12u)) * 0x297a2d39u;
  return h ^ (h >> 15u);
}

fn unit(h: u32) -> f32 {
  return f32(h >> 8u) / 16777216.0;
}

// Red, green, blue, and whether it was shaded.
fn sample_at(x: i32, y: i32) -> vec4f {
  let column = u32(clamp(x, 0, i32(params.size.z) - 1));
  let row = u32(clamp(y, 0, i32(params.size.w) - 1));
  let word = colours[row * params.size.z + column];
  // Very bright samples would fray edges.
  return min(vec4f(unpack2x16float(word.x), unpack2x16float(word.y)), vec4f(6.0));
}

// A sample of a pixel, which has the colour of its centre if it was left out.
fn filled(u: i32, v: i32, centre: vec3f) -> vec3f {
  let one = sample_at(u, v);
  return select(centre, one.rgb, one.a > 0.5);
}

// A pixel's light: one sample, or a tent over nine.
fn gathered(x: i32, y: i32) -> vec3f {
  if (STEP == 1u) {
    return sample_at(x, y).rgb;
  }
  let u = 2 * x + 1;
  let v = 2 * y + 1;
  let c = sample_at(u, v).rgb;
  let corners = filled(u - 1, v - 1, c) + filled(u + 1, v - 1, c) + filled(u - 1, v + 1, c) + filled(u + 1, v + 1, c);
  let sides = filled(u, v - 1, c) + filled(u - 1, v, c) + filled(u + 1, v, c) + filled(u, v + 1, c);
  return c * 0.25 + sides * 0.125 + corners * 0.0625;
}

// The light at a place between pixels.
fn light_at(at: vec2f) -> vec3f {
  let x = i32(floor(at.x));
  let y = i32(floor(at.y));
  if (STEP == 1u) {
    return sample_at(x, y).rgb;
  }
  return filled(i32(round(2.0 * at.x)), i32(round(2.0 * at.y)), sample_at(2 * x + 1, 2 * y + 1).rgb);
}

fn blurred(x: i32, y: i32) -> vec3f {
  let at = vec2f(f32(x), f32(y)) + 0.5;
  let stored = depths[u32(y) * params.size.x + u32(x)];
  let depth = select(stored, 1e4, stored <= 0.0);
  let ray = vec3f((at - params.lens.yz) / params.lens.x, 1.0) * depth;
  let moved = vec3f(
    dot(params.before_x.xyz, ray) + params.before_x.w,
    dot(params.before_y.xyz, ray) + params.before_y.w,
    dot(params.before_z.xyz, ray) + params.before_z.w,
  );
  let before = moved.xy / max(moved.z, 0.05) * params.lens.x + params.lens.yz;
  var way = (before - at) * params.blur.z;
  way *= min(1.0, 24.0 / max(length(way), 1e-3));
  // At least as much as softens edges.
  let disc = max(params.blur.x * abs(1.0 - params.blur.y / depth), 0.55 * f32(STEP - 1u));
  let spin = unit(hash(u32(y) * 9176u + u32(x))) * 6.2832;
  var sum = vec3f(0.0);
  for (var i = 0u; i < 9u; i++) {
    let share = (f32(i) + 0.5) / 9.0;
    let angle = spin + f32(i) * 2.39996;
    let offset = way * (share - 0.5) + disc * sqrt(share) * vec2f(cos(angle), sin(angle));
    sum += light_at(at + offset);
  }
  return sum / 9.0;
}

fn tone(light: vec3f) -> vec3f {
  let x = light * 0.72;
  let curve = clamp(x * (2.51 * x + 0.03) / (x * (2.43 * x + 0.59) + 0.14), vec3f(0.0), vec3f(1.0));
  return select(1.055 * pow(curve, vec3f(1.0 / 2.4)) - 0.055, curve * 12.92, curve <= vec3f(0.0031308));
}

// Falling drops: streaks in three layers, the near ones longer and fewer.
fn streaks(at: vec2f) -> f32 {
  var sum = 0.0;
  // Where it is dry, one layer of nothing, since software Vulkan runs a loop once in any case.
  let layers = select(1u, 3u, params.treat.z > 0.0);
  var layer = 0u;
  loop {
    let size = 6.0 + 7.0 * f32(layer);
    let slant = at.x + at.y * (0.06 + 0.03 * f32(layer));
    let column = floor(slant / size * 3.0);
    let own = hash(u32(i32(column) + 4000) * 7u + layer * 131u + u32(params.treat.w * 24.0) * 7919u);
    let fall = at.y / (size * 7.0) + unit(own) * 9.0;
    let drop = hash(own + u32(i32(floor(fall)) + 999));
    let line = smoothstep(0.5, 0.1, abs(fract(slant / size * 3.0) - 0.5)) * smoothstep(0.0, 0.3, fract(fall)) * smoothstep(0.7, 0.4, fract(fall));
    sum += line * step(0.86, unit(drop)) * 0.09;
    layer++;
    if (layer >= layers) {
      break;
    }
  }
  return sum;
}

fn finished(index: u32) -> vec3u {
  let x = i32(index % params.size.x);
  let y = i32(index / params.size.x);
  var light: vec3f;
  if (BLUR) {
    light = blurred(x, y);
  } else {
    light = gathered(x, y);
  }
  let size = vec2f(f32(params.size.x), f32(params.size.y));
  let at = vec2f(f32(x), f32(y)) + 0.5;
  let off = (at / size - 0.5) * 2.0;
  light *= params.treat.x * (1.0 - params.blur.w * dot(off, off) * 0.5);
  light += streaks(at * 320.0 / size.x) * params.treat.z * (0.25 + light);
  var colour = tone(light);
  let seed = hash(index * 3u + params.seed.x);
  let one = unit(seed) + unit(hash(seed + 1u)) - 1.0;
  let chroma = vec3f(unit(hash(seed + 2u)), unit(hash(seed + 3u)), unit(hash(seed + 4u))) - 0.5;
  colour += params.treat.y * (one + 0.7 * chroma) * (1.2 - 0.6 * colour);
  return vec3u(clamp(colour, vec3f(0.0), vec3f(1.0)) * 255.0 + 0.5);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let count = params.size.x * params.size.y;
  let first = id.x * 4u;
  if (first >= count) {
    return;
  }
  let a = finished(first);
  let b = finished(min(first + 1u, count - 1u));
  let c = finished(min(first + 2u, count - 1u));
  let d = finished(min(first + 3u, count - 1u));
  let at = id.x * 3u;
  pixels[at] = a.x | a.y << 8u | a.z << 16u | b.x << 24u;
  pixels[at + 1u] = b.y | b.z << 8u | c.x << 16u | c.y << 24u;
  pixels[at + 2u] = c.z | d.x << 8u | d.y << 16u | d.z << 24u;
}
