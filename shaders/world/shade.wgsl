// The colour of each sample of a picture of the town: material, sun, sky, shadows, haze. Linear light, no exposure.
//
// solids  as in trace.wgsl
// lists   as in trace.wgsl; a shadow caster takes two entries: (centre x, z, cosine and sine of its turn), (half length, half
//         width, height, height above the ground)
// field   a square of cells over the town, row after row: height below which buildings shade it, the same for trees, openness to the sky, light
//         of street lamps
// hits    what each sample shows, depths how far (trace.wgsl)
// todo    if STEP is 2: places of the samples besides those on the centres of pixels, counts[TALLY] how many (pick.wgsl)
// mirror  half size: what the wet ground reflects, packed like `colours`; not read unless WET
// colours two words a sample: red and green, blue and 1 (it was shaded), as halves
//
// Every texture is a function of metres, and takes the width of a pixel's footprint: lines thinner than that fade away rather
// than flicker. Buildings' shadows come from `field`, which the host sweeps once a light; things' from a box each.

struct Params {
  // Pixels a row, rows, tiles a row, samples a row of `mirror`.
  size: vec4u,
  eye: vec4f,
  right: vec4f,
  down: vec4f,
  forward: vec4f,
  lens: vec4f,
  // Towards the sun; w: share of clouds.
  sun: vec4f,
  // Sunlight; w: how wet the ground is.
  sunlight: vec4f,
  zenith: vec4f,
  // Sky at the horizon and haze; w: haze a metre.
  horizon: vec4f,
  // Skylight; w: lamps' power.
  skylight: vec4f,
  // Share of windows with light, time in seconds, seed, the clouds' brightness.
  town: vec4f,
  // West and north edge of `field`, cells a metre, cells a side.
  field: vec4f,
  // Streets that run north to south: x of the middle, half the carriageway, parking (0 or 1), seed; none: x is 1e5.
  streets_x: array<vec4f, 8>,
  // Streets that run east to west, by z.
  streets_z: array<vec4f, 8>,
}

override STEP: u32 = 1u;
override WET: bool = false;
override TALLY: u32 = 1024u;

@group(0) @binding(0) var solids: texture_2d<f32>;
@group(0) @binding(1) var lists: texture_2d<f32>;
@group(0) @binding(2) var field: texture_2d<f32>;
@group(0) @binding(3) var<storage, read_write> hits: array<u32>;
@group(0) @binding(4) var<storage, read_write> depths: array<f32>;
@group(0) @binding(5) var<storage, read_write> mirror: array<vec2u>;
@group(0) @binding(6) var<storage, read_write> colours: array<vec2u>;
@group(0) @binding(7) var<storage, read_write> todo: array<u32>;
@group(0) @binding(8) var<storage, read_write> counts: array<u32>;
@group(0) @binding(9) var<uniform> params: Params;

const PLAIN = 0;
const PAVEMENT = 1;
const WALL = 2;
const ROOF = 3;
const PAINT = 4;
const CABIN = 5;
const TYRE = 6;
const LEAVES = 7;
const BARK = 8;
const SIGN = 9;
const LAMP = 10;
const AWNING = 11;
const CLOTH = 12;
const BUS = 13;
const GLASS = 15;

// A surface before light falls on it.
struct Surface {
  colour: vec3f,
  // Share of mirror-like reflection seen head on.
  gloss: f32,
  // Light of its own.
  glow: vec3f,
}

fn solid_texel(solid: i32, part: i32) -> vec4f {
  return textureLoad(solids, vec2i((solid & 127) * 8 + part, solid >> 7u), 0);
}

fn list_texel(index: i32) -> vec4f {
  return textureLoad(lists, vec2i(index & 1023, index >> 10u), 0);
}

fn field_cell(index: i32) -> vec4f {
  return textureLoad(field, vec2i(index & 1023, index >> 10u), 0);
}

fn undistort(at: vec2f) -> vec2f {
  let drawn = length(at);
  var r = drawn;
  for (var i = 0u; i < 6u; i++) {
    let s = r * r;
    let value = r * (1.0 + params.lens.x * s + params.lens.y * s * s) - drawn;
    r -= value / max(1.0 + 3.0 * params.lens.x * s + 5.0 * params.lens.y * s * s, 0.05);
  }
  return at * select(r / drawn, 1.0, drawn < 1e-6);
}

const MIX_A = 0x9e3779b1u;
const MIX_B = 0x85ebca77u;
const MIX_C = 0xc2b2ae3du;

fn scrambled(word: u32) -> f32 {
  var h = (word ^ (word >> 15u)) * 0x2c1b3c6du;
  h = (h ^ (h >> 12u)) * 0x297a2d39u;
  return f32((h ^ (h >> 15u)) >> 8u) / 16777216.0;
}

// A number from 0 to 1 for three whole ones.
fn mixed(a: i32, b: i32, c: i32) -> f32 {
  return scrambled(u32(a) * MIX_A ^ u32(b) * MIX_B ^ u32(c) * MIX_C);
}

// Value noise: mixed() at the corners of a cell, smoothly between. Products are shared, as integer multiplications are dear.
fn noise(p: vec2f, seed: i32) -> f32 {
  let cell = floor(p);
  let c = vec2i(cell);
  var f = p - cell;
  f = f * f * (3.0 - 2.0 * f);
  let x = u32(c.x) * MIX_A;
  let y = (u32(c.y) * MIX_B) ^ (u32(seed) * MIX_C);
  let z = (u32(c.y) * MIX_B + MIX_B) ^ (u32(seed) * MIX_C);
  let low = mix(scrambled(x ^ y), scrambled((x + MIX_A) ^ y), f.x);
  let high = mix(scrambled(x ^ z), scrambled((x + MIX_A) ^ z), f.x);
  return mix(low, high, f.y);
}

fn cells3(p: vec3f) -> f32 {
  let c = vec3i(floor(p));
  return mixed(c.x, c.y, c.z);
}

fn noise3(p: vec3f, seed: i32) -> f32 {
  let cell = floor(p);
  let c = vec3i(cell);
  var f = p - cell;
  f = f * f * (3.0 - 2.0 * f);
  let x = u32(c.x) * MIX_A;
  let y = u32(c.y) * MIX_B;
  let z = u32(c.z * 57 + seed) * MIX_C;
  let far_z = z + 57u * MIX_C;
  let near = mix(
    mix(scrambled(x ^ y ^ z), scrambled((x + MIX_A) ^ y ^ z), f.x),
    mix(scrambled(x ^ (y + MIX_B) ^ z), scrambled((x + MIX_A) ^ (y + MIX_B) ^ z), f.x), f.y);
  let far = mix(
    mix(scrambled(x ^ y ^ far_z), scrambled((x + MIX_A) ^ y ^ far_z), f.x),
    mix(scrambled(x ^ (y + MIX_B) ^ far_z), scrambled((x + MIX_A) ^ (y + MIX_B) ^ far_z), f.x), f.y);
  return mix(near, far, f.z);
}

// 1 between a and b, 0 outside, the steps as wide as a pixel.
fn band(x: f32, a: f32, b: f32, w: f32) -> f32 {
  return clamp((x - a) / w + 0.5, 0.0, 1.0) - clamp((x - b) / w + 0.5, 0.0, 1.0);
}

// How much of a detail of a size is left at a footprint.
fn detail(w: f32, size: f32) -> f32 {
  return clamp(1.4 - 1.4 * w / size, 0.0, 1.0);
}

fn sky_gradient(ray: vec3f) -> vec3f {
  let up = clamp(ray.y, 0.0, 1.0);
  let base = mix(params.horizon.rgb, params.zenith.rgb, 1.0 - pow(1.0 - up, 4.0));
  let near_sun = max(dot(ray, params.sun.xyz), 0.0);
  return base + params.sunlight.rgb * (0.05 * pow(near_sun, 5.0) + 0.12 * pow(near_sun, 40.0));
}

fn sky(ray: vec3f) -> vec3f {
  var colour = sky_gradient(ray);
  let p = ray.xz / (max(ray.y, 0.0) + 0.18) * 1.3 + params.town.y * 0.003 + params.town.z;
  var cloud = noise(p, 11) * 0.5 + noise(p * 2.1 + 7.0, 12) * 0.27 + noise(p * 4.3 + 3.0, 13) * 0.15;
  cloud += noise(p * 9.0, 14) * 0.08;
  let cover = smoothstep(0.78 - 0.62 * params.sun.w, 1.02 - 0.52 * params.sun.w, cloud);
  let thick = smoothstep(0.45, 0.85, cloud);
  let white = params.skylight.rgb * (1.5 - 0.7 * thick) + params.sunlight.rgb * (0.22 - 0.09 * thick);
  let lit = white * params.town.w + params.horizon.rgb * 0.2;
  colour = mix(colour, lit, cover * smoothstep(0.0, 0.2, ray.y) * 0.92);
  let disc = smoothstep(0.9994, 0.9998, dot(ray, params.sun.xyz)) * (1.0 - cover);
  colour += params.sunlight.rgb * disc * 4.0;
  // Hills behind the town.
  let turn = atan2(ray.x, ray.z) * 5.0;
  let hill = 0.02 + 0.05 * noise(vec2f(turn, 0.5), 21) + 0.02 * noise(vec2f(turn * 4.0, 0.5), 22);
  let far = mix(params.horizon.rgb * 0.8, params.skylight.rgb * vec3f(0.28, 0.36, 0.3), 0.45);
  return mix(far, colour, smoothstep(hill - 0.006, hill + 0.006, ray.y));
}

fn wall_texture(u: f32, v: f32, wall: i32, seed: i32, colour: vec3f, w: f32) -> vec3f {
  let stain = noise(vec2f(u * 0.55, v * 0.35), seed) * 0.6 + noise(vec2f(u * 2.3, v * 1.2), seed + 1) * 0.4;
  var tone = 0.88 + 0.24 * stain;
  // Bricks, stones or boards: rows with joints, each with a tone of its own.
  let stone = wall == 2;
  let boards = wall == 3;
  let high = select(select(0.1, 0.42, stone), 0.2, boards);
  let wide = select(select(0.3, 0.85, stone), 4.0, boards);
  let row = floor(v / high);
  let along = u / wide + 0.5 * (row - 2.0 * floor(row * 0.5));
  let joint = select(0.016, 0.03, stone);
  let inside = band(v - row * high, joint, high, max(w, 0.01)) *
    band((along - floor(along)) * wide, joint, wide, max(w, 0.01));
  let piece = mixed(i32(row), i32(floor(along)), seed);
  let fine = detail(w, high * 0.9);
  let laid = (0.8 + 0.36 * piece) * mix(0.62, 1.0, inside);
  tone *= select(mix(0.94, laid, fine), 1.0, wall == 0);
  return colour * tone;
}

// The colours that doors, shutters and shops are painted in, by a number from 0 to 1.
fn palette(h: f32) -> vec3f {
  let n = i32(h * 9.999);
  var c = vec3f(0.3, 0.035, 0.03);
  c = select(c, vec3f(0.2, 0.085, 0.04), n == 1);
  c = select(c, vec3f(0.42, 0.24, 0.05), n == 2);
  c = select(c, vec3f(0.05, 0.13, 0.06), n == 3);
  c = select(c, vec3f(0.06, 0.19, 0.2), n == 4);
  c = select(c, vec3f(0.035, 0.075, 0.2), n == 5);
  c = select(c, vec3f(0.16, 0.18, 0.2), n == 6);
  c = select(c, vec3f(0.48, 0.44, 0.36), n == 7);
  c = select(c, vec3f(0.16, 0.03, 0.07), n == 8);
  c = select(c, vec3f(0.2, 0.3, 0.36), n == 9);
  return c * (0.8 + 0.4 * fract(h * 99.99));
}

// u along the wall from its left edge, v up from its foot.
fn facade(u: f32, v: f32, width: f32, height: f32, look: vec4f, colour: vec3f, w: f32, sunny: f32) -> Surface {
  let seed = i32(look.x);
  let code = i32(look.y);
  let wall = code & 3;
  let shop = (code & 4) != 0;
  let shutters = (code & 8) != 0;
  let quoins = (code & 16) != 0;
  let courses = (code & 32) != 0;
  let pale_trim = (code & 64) != 0;
  let blank = (code & 128) != 0;
  let gh = select(look.z + 0.25, 3.7, shop);
  let floors = max(1.0, round((height - gh - 0.5) / look.z));
  let fh = max((height - gh - 0.5) / floors, 0.5);
  let bays = max(1.0, round(width / look.w));
  let bw = width / bays;
  let trim = select(colour * 0.62, vec3f(0.72, 0.7, 0.64), pale_trim);
  let e = max(w, 0.012);

  var base = wall_texture(u, v, wall, seed, colour, w);
  base = mix(base, trim * 0.9, select(0.0, 1.0, quoins) * (band(u, -1.0, 0.42, e) + band(u, width - 0.42, width + 1.0, e)) *
    mix(1.0, 0.82 + 0.18 * step(0.5, fract(v / 0.7)), detail(w, 0.6)));
  let level = (v - gh) / fh;
  let floor_at = clamp(floor(level), 0.0, floors - 1.0);
  let ground_floor = v < gh;
  let y = select(v - gh - floor_at * fh, v, ground_floor);
  base = mix(base, trim, select(0.0, 1.0, courses) * band(y, -0.02, 0.16, e) * select(1.0, 0.0, ground_floor));
  base = mix(base, trim * 1.05, band(v, height - 0.42, height, e));
  base = mix(base, base * 0.55, band(v, height - 0.5, height - 0.42, e));
  base = mix(base, colour * 0.42 + 0.06, band(v, -1.0, 0.55, e) * select(1.0, 0.0, shop));

  // Windows and, on the ground floor of houses, a door.
  let bay = clamp(floor(u / bw), 0.0, bays - 1.0);
  let x = u - (bay + 0.5) * bw;
  let own = mixed(i32(bay), i32(select(floor_at + 1.0, 0.0, ground_floor)), seed + 5);
  let other = mixed(i32(bay), i32(floor_at) + 9, seed + 6);
  let door_bay = floor(mixed(1, 2, seed) * bays);
  let door = ground_floor && !shop && bay == door_bay;
  let style = mixed(3, 4, seed);
  let tall = mixed(5, 6, seed);
  let ww = select(bw * (0.36 + 0.16 * style), 1.05, door);
  let sill = select(select(fh * (0.34 - 0.16 * tall), 0.95, ground_floor), 0.0, door);
  let head = select(select(fh * 0.86, gh * 0.82, ground_floor), 2.35, door);
  let span_x = band(x, -0.5 * ww, 0.5 * ww, e);
  let opening = span_x * band(y, sill, head, e) * select(1.0, 0.0, (ground_floor && shop) || blank);
  let around = band(x, -0.5 * ww - 0.13, 0.5 * ww + 0.13, e) * band(y, sill - 0.1, head + 0.16, e) *
    select(1.0, 0.0, (ground_floor && shop) || blank);
  base = mix(base, trim, around * 0.85);
  base = mix(base, trim * 1.15, band(x, -0.5 * ww - 0.2, 0.5 * ww + 0.2, e) * band(y, sill - 0.16, sill - 0.02, e) *
    select(1.0, 0.0, (ground_floor && shop) || blank || door));
  let shutter_colour = palette(mixed(7, 8, seed)) * 0.8;
  let leaf = abs(x) - 0.5 * ww - 0.06;
  let shutter = band(leaf, 0.0, ww * 0.44, e) * band(y, sill, head, e) * select(0.0, 1.0, shutters && !(ground_floor && shop) && !blank && !door);
  base = mix(base, shutter_colour * (0.8 + 0.2 * mix(0.5, step(0.5, fract(y * 11.0)), detail(w, 0.1))), shutter);

  // What is behind a pane: a dim room, curtains at the sides, a blind that is down part of the way.
  let rise = clamp((y - sill) / max(head - sill, 0.1), 0.0, 1.0);
  let curtain = step(other, 0.4) * band(abs(x), ww * (0.18 + 0.2 * own), ww, e);
  let blind = step(0.68, other) * band(rise, 1.0 - 0.75 * own, 2.0, 0.02 + e * 0.5);
  var room = vec3f(0.035, 0.04, 0.05) * (0.6 + 0.8 * own);
  room = mix(room, vec3f(0.42, 0.39, 0.34), max(curtain, blind) * 0.75);
  room *= mix(0.55, 1.0, smoothstep(1.0, 0.72, rise));
  let lamp_on = step(mixed(i32(bay) + 31, i32(floor_at) + select(3, 0, ground_floor), seed), params.town.x);
  let warm = mix(vec3f(1.0, 0.62, 0.28), vec3f(1.0, 0.82, 0.55), other);
  var glow = warm * lamp_on * (0.55 + 0.6 * own) * (1.0 - 0.45 * max(curtain, blind)) * (0.65 + 0.35 * rise);
  let bar = max(1.0 - band(abs(x), 0.035, ww * 0.5 - 0.07, e), 1.0 - band(y, sill + 0.07, head - 0.07, e));
  let transom = band(y, mix(sill, head, 0.66) - 0.03, mix(sill, head, 0.66) + 0.03, e) * step(style, 0.6);
  let wood = max(bar, transom);
  let frame_colour = select(vec3f(0.66, 0.65, 0.62), vec3f(0.1, 0.08, 0.07), mixed(9, 9, seed) > 0.72);
  var pane = mix(room, frame_colour, wood);
  var shine = 0.55 * (1.0 - wood);
  glow *= 1.0 - wood;
  // Doors: panels in a colour of their own, a light above.
  let panel = band(abs(x), 0.09, 0.4, e) * (band(y, 0.25, 1.0, e) + band(y, 1.15, 1.85, e));
  let door_colour = palette(mixed(11, 12, seed)) * (0.75 + 0.25 * panel);
  let fan = band(y, 2.02, 2.28, e);
  pane = select(pane, mix(door_colour, vec3f(0.05), fan), door);
  shine = select(shine, 0.15 + 0.4 * fan, door);
  glow = select(glow, glow * fan, door);
  // The depth of the opening: its head and one side lie in shade.
  let side = band(y, head - 0.2, head, e) + band(x * sign(sunny + 0.01), 0.5 * ww - 0.13, 0.5 * ww, e);
  pane *= 1.0 - 0.5 * clamp(side, 0.0, 1.0);

  // A shop: fascia with letters, display windows, a door, a riser below.
  let shops = max(1.0, round(width / 6.5));
  let sw = width / shops;
  let which = clamp(floor(u / sw), 0.0, shops - 1.0);
  let sx = u - which * sw;
  let tint = palette(mixed(i32(which), 77, seed));
  let at_shop = select(0.0, 1.0, ground_floor && shop && !blank);
  var front = tint * 0.8;
  let fascia = band(v, gh - 0.95, gh - 0.2, e);
  let letter = floor((sx - 0.7) / 0.34);
  let lx = (sx - 0.7) / 0.34 - letter;
  let stroke = vec2i(vec2f(lx * 4.0, (v - gh + 0.82) / 0.1));
  let count = 4.0 + floor(mixed(i32(which), 78, seed) * max(sw / 0.34 - 8.0, 1.0));
  let ink = step(0.42, mixed(stroke.x + i32(letter) * 8, stroke.y, seed + i32(which))) * band(lx, 0.02, 0.78, e * 3.0) *
    band(v, gh - 0.82, gh - 0.34, e) * band(letter, -0.5, count, 0.01);
  let cream = vec3f(0.82, 0.78, 0.62);
  front = mix(front, mix(tint, cream, ink * mix(0.45, 1.0, detail(w, 0.12))), fascia);
  let pilaster = band(sx, 0.28, sw - 0.28, e);
  let door_x = 0.9 + mixed(i32(which), 79, seed) * max(sw - 1.9, 0.1);
  let at_door = band(sx, door_x - 0.5, door_x + 0.5, e);
  let glass_low = mix(0.55, 0.1, at_door);
  let pane_area = pilaster * band(v, glass_low, gh - 1.1, e);
  let mullion = 1.0 - band(fract(sx / 1.5) * 1.5, 0.03, 1.47, e);
  let door_edge = band(abs(sx - door_x), 0.44, 0.54, e);
  let goods_at = vec2i(vec2f(sx * 2.6, v * 2.2));
  let goods = palette(mixed(goods_at.x, goods_at.y, seed + 3)) * step(mixed(goods_at.x + 40, goods_at.y, seed), 0.7);
  let shown = band(v, 0.55, 0.8 + 0.9 * mixed(goods_at.x, 5, seed), 0.05 + e) * (1.0 - at_door);
  let inner = mix(vec3f(0.05, 0.05, 0.055), goods, shown * 0.8);
  let display = mix(inner, tint * 0.45, max(mullion * (1.0 - at_door), door_edge));
  front = mix(front, display, pane_area);
  let open_late = step(mixed(i32(which), 80, seed), 0.25 + params.town.x);
  let shop_glow = vec3f(1.0, 0.8, 0.52) * (0.12 + params.town.x) * open_late * pane_area * (0.4 + shown) * (0.5 + inner * 2.0);

  var surface: Surface;
  surface.colour = mix(mix(base, pane, opening), front, at_shop);
  surface.gloss = mix(opening * shine, pane_area * 0.45, at_shop);
  surface.glow = mix(glow * opening * 1.1, shop_glow, at_shop);
  return surface;
}

// The nearest street of a list: distance from its middle, half its carriageway, parking, seed.
fn nearest_x(x: f32) -> vec4f {
  var found = vec4f(1e5, 1.0, 0.0, 0.0);
  for (var i = 0u; i < 8u; i++) {
    let street = params.streets_x[i];
    let off = x - street.x;
    if (abs(off) < abs(found.x)) {
      found = vec4f(off, street.yzw);
    }
  }
  return found;
}

fn nearest_z(z: f32) -> vec4f {
  var found = vec4f(1e5, 1.0, 0.0, 0.0);
  for (var i = 0u; i < 8u; i++) {
    let street = params.streets_z[i];
    let off = z - street.x;
    if (abs(off) < abs(found.x)) {
      found = vec4f(off, street.yzw);
    }
  }
  return found;
}

fn ground(p: vec2f, w: f32, street_x: vec4f, street_z: vec4f) -> vec3f {
  let in_x = abs(street_x.x) - street_x.y;
  let in_z = abs(street_z.x) - street_z.y;
  let grain = noise(p * 9.0, 31) * detail(w, 0.15) * 0.12 + noise(p * 0.7, 32) * 0.14 + noise(p * 0.16, 33) * 0.12;
  var tar = vec3f(0.118, 0.118, 0.125) * (0.82 + grain);
  // Repairs, cracks and covers.
  let patch_cell = vec2i(floor(p / vec2f(3.1, 4.3)));
  let patch_tone = step(mixed(patch_cell.x, patch_cell.y, 34), 0.13);
  let f = fract(p / vec2f(3.1, 4.3));
  tar *= 1.0 - 0.22 * patch_tone * band(f.x, 0.15, 0.85, 0.02 + w * 0.3) * band(f.y, 0.1, 0.8, 0.02 + w * 0.3);
  let crack = abs(noise(p * 1.3, 35) - 0.5) * 2.0 + 2.0 * smoothstep(0.8, 0.62, noise(p * 0.45, 37));
  tar *= 1.0 - 0.22 * (1.0 - smoothstep(0.0, 0.02 + 0.2 * w, crack)) * detail(w, 0.2);
  // Lengthwise and crosswise, whichever way the street runs.
  let along_z = in_x < 0.0;
  let crossing = in_x < 0.0 && in_z < 0.0;
  let street = select(street_z, street_x, along_z);
  let lat = select(street_z.x, street_x.x, along_z);
  let end = select(in_x, in_z, along_z);
  let along = select(p.x, p.y, along_z);
  // Which way this half drives: to the right.
  let far_side = select(street_x.x, -street_z.x, along_z);
  let lane_half = street.y - 2.1 * street.z;
  let e = max(w, 0.015);
  let wear = 0.75 + 0.25 * noise(p * 3.0, 36);
  let lengthwise = max(w * 1.0, 0.02);
  var paint = band(abs(lat), -0.07, 0.07, e) * band(fract(along / 6.0) * 6.0, 0.0, 3.2, lengthwise) * step(7.5, end);
  paint = max(paint, band(abs(lat), -0.07, 0.07, e) * band(end, 4.6, 7.5, e));
  let approach = (lat > 0.0) == (select(street_x.x, -street_z.x, along_z) > 0.0);
  paint = max(paint, band(end, 4.2, 4.6, e) * band(abs(lat), 0.2, lane_half, e) * select(0.0, 1.0, approach));
  let stripes = band(fract((lat + 50.0) / 1.0), 0.25, 0.75, e);
  paint = max(paint, mix(0.5, stripes, detail(w, 0.8)) * band(end, 1.0, 3.6, e) * step(mixed(i32(street.w), 3, 1), 2.0) *
    band(abs(lat), -1.0, street.y - 0.3, e));
  let bays = band(abs(lat), lane_half - 0.05, lane_half + 0.05, e) * step(7.5, end);
  let ticks = band(fract(along / 5.6) * 5.6, 0.0, 0.1, e) * band(abs(lat), lane_half, street.y - 0.3, e) * step(7.5, end);
  paint = max(paint, max(bays, ticks) * street.z);
  paint *= select(1.0, 0.0, crossing) * wear;
  tar = mix(tar, vec3f(0.62, 0.61, 0.57), paint * 0.85);
  // Oil where cars stand, and the gutter.
  tar *= 1.0 - 0.16 * street.z * band(abs(lat), lane_half + 0.6, lane_half + 1.3, 0.5) * select(1.0, 0.0, crossing);
  let gutter = band(street.y - abs(lat), -0.1, 0.32, e) * select(1.0, 0.0, crossing);
  tar = mix(tar, vec3f(0.2, 0.195, 0.185), gutter * 0.7);
  let drain = gutter * band(fract(along / 17.0) * 17.0, 0.0, 0.55, e) * band(street.y - abs(lat), 0.02, 0.3, e);
  tar = mix(tar, vec3f(0.03), drain * 0.8);
  let hatch_cell = floor(along / 23.0);
  let hatch = vec2f(along - (hatch_cell + 0.3 + 0.4 * mixed(i32(hatch_cell), 1, i32(street.w))) * 23.0, lat - 1.2);
  let cover = 1.0 - smoothstep(0.34, 0.34 + e, length(hatch));
  tar = mix(tar, vec3f(0.09, 0.085, 0.08) * (0.8 + 0.4 * step(0.5, fract(hatch.x * 9.0))), cover * select(0.8, 0.0, crossing));
  // Beyond the town lie meadows.
  let meadow = vec3f(0.085, 0.125, 0.04) * (0.75 + 0.5 * noise(p * 0.12, 38)) + vec3f(0.05, 0.035, 0.0) * noise(p * 0.03, 39);
  return mix(tar, meadow, smoothstep(-0.1, 0.3 + w, min(in_x, in_z)));
}

fn pavement(p: vec2f, w: f32, street_x: vec4f, street_z: vec4f, look: vec4f, colour: vec3f) -> vec3f {
  let off = max(abs(street_x.x) - street_x.y, 0.0) ;
  let off_z = max(abs(street_z.x) - street_z.y, 0.0);
  let edge = min(select(off, 1e3, abs(street_x.x) < street_x.y), select(off_z, 1e3, abs(street_z.x) < street_z.y));
  let e = max(w, 0.01);
  let tone = 0.86 + 0.2 * noise(p * 0.5, 41) + 0.1 * noise(p * 6.0, 42) * detail(w, 0.2);
  let size = 0.6;
  let row = floor(p.y / size);
  let q = vec2f(p.x / size + 0.5 * (row - 2.0 * floor(row * 0.5)), p.y / size);
  let f = fract(q);
  let joint = band(f.x, 0.02, 0.98, e / size) * band(f.y, 0.02, 0.98, e / size);
  let slab = mixed(i32(floor(q.x)), i32(row), 43);
  var stone = colour * tone * mix(0.97, mix(0.68, 0.9 + 0.18 * slab, joint), detail(w, 0.4));
  let kerb_joint = band(fract((p.x + p.y) / 1.1) * 1.1, 0.02, 1.1, e);
  stone = mix(stone, vec3f(0.36, 0.355, 0.34) * mix(0.75, 1.0, kerb_joint) * tone, band(edge, -1.0, 0.26, e));
  // Grass: blades and patches.
  let grass_tone = 0.7 + 0.5 * noise(p * 0.45, 44) + 0.35 * (noise(p * 11.0, 45) - 0.5) * detail(w, 0.15);
  let grass = vec3f(0.075, 0.13, 0.035) * grass_tone + vec3f(0.03, 0.02, 0.0) * noise(p * 0.2, 46);
  return mix(stone, grass, look.x);
}

// A thing's own look, from where on it the ray ends: at in its own axes, half sizes, own normal.
fn thing(kind: i32, at: vec3f, half: vec3f, normal: vec3f, look: vec4f, colour: vec3f, w: f32) -> Surface {
  let m = at * half;
  let e = max(w, 0.004);
  var surface = Surface(colour, 0.0, vec3f(0.0));
  // Coachwork: x forward, z to the side.
  let body = kind == PAINT;
  let wheel_at = min(length(vec2f(m.x - look.x, m.y - look.z)), length(vec2f(m.x + look.y, m.y - look.z)));
  let on_side = abs(normal.z) > 0.6;
  let at_end = abs(normal.x) > 0.55;
  let front = normal.x > 0.0;
  let arch = 1.0 - smoothstep(look.w, look.w + e, wheel_at);
  let seam = band(abs(m.x + 0.02 - 0.02), -0.012, 0.012, e) + band(abs(m.x - half.x * 0.46), -0.01, 0.01, e) + band(abs(m.x + half.x * 0.48), -0.01, 0.01, e);
  let handle = band(m.y, half.y * 0.35, half.y * 0.35 + 0.04, e) * (band(m.x, 0.06, 0.24, e) + band(m.x, -half.x * 0.42, -half.x * 0.42 + 0.18, e));
  var coat = colour;
  coat = mix(coat, coat * 0.4, select(0.0, 0.7, on_side) * clamp(seam, 0.0, 1.0) * step(m.y, half.y * 0.85));
  coat = mix(coat, coat * 0.5 + 0.1, select(0.0, 0.8, on_side) * handle);
  coat = mix(coat, vec3f(0.04), select(0.0, 1.0, on_side) * arch);
  coat = mix(coat, vec3f(0.05), band(at.y, -2.0, -0.72, e / half.y));
  let high = band(at.y, 0.05, 0.62, e / half.y);
  let lamps = band(abs(at.z), 0.6, 0.95, e / half.z) * high;
  let grille = band(abs(at.z), -1.0, 0.5, e / half.z) * band(at.y, -0.25, 0.3, e / half.y);
  let plate = band(abs(m.z), -0.27, 0.27, e) * band(at.y, -0.5, -0.22, e / half.y);
  coat = mix(coat, select(vec3f(0.35, 0.02, 0.015), vec3f(0.7, 0.72, 0.74), front), select(0.0, 1.0, at_end) * lamps);
  coat = mix(coat, vec3f(0.03), select(0.0, 0.85, at_end && front) * grille);
  coat = mix(coat, vec3f(0.65, 0.64, 0.55), select(0.0, 1.0, at_end) * plate);
  let lights_on = clamp(params.skylight.w * 1.4, 0.0, 1.0);
  let beam = select(vec3f(0.9, 0.03, 0.02), vec3f(3.2, 2.9, 2.3), front) * lights_on;
  surface.colour = select(surface.colour, coat, body);
  surface.gloss = select(surface.gloss, 0.12 * (1.0 - arch), body);
  surface.glow = select(surface.glow, beam * lamps, body && at_end);
  // A cabin: panes between pillars, a roof of the coat's colour.
  let cabin = kind == CABIN || kind == BUS;
  let bus = kind == BUS;
  let panes = max(1.0, round(half.x * 2.0 / look.x));
  let px = fract((at.x * 0.5 + 0.5) * panes) * 2.0 * half.x / panes;
  let pillar = select(0.06, 0.05, bus);
  let low = select(look.y, look.y, bus);
  let pane_y = band(at.y, low, look.z, e / half.y);
  let side_pane = band(px, pillar, 2.0 * half.x / panes - pillar, e) * pane_y;
  let end_pane = band(abs(at.z), -1.0, 0.88, e / half.z) * pane_y * select(1.0, look.w, !front);
  let pane = select(0.0, select(select(0.0, end_pane, abs(normal.x) > 0.2), side_pane, on_side), normal.y < 0.86);
  var shell = mix(colour, vec3f(0.02, 0.025, 0.03), pane);
  let bus_door = select(0.0, 1.0, bus && normal.z > 0.6) * (band(m.x, half.x * 0.68, half.x * 0.9, e) + band(m.x, -0.6, 0.6, e)) * band(at.y, -0.85, look.z, e / half.y);
  shell = mix(shell, vec3f(0.03, 0.035, 0.04), bus_door * 0.9);
  let bus_arch = min(length(vec2f(m.x - half.x * 0.58, m.y + half.y)), length(vec2f(m.x + half.x * 0.5, m.y + half.y)));
  shell = mix(shell, vec3f(0.03), select(0.0, 1.0, bus && on_side) * (1.0 - smoothstep(0.5, 0.5 + e, bus_arch)));
  shell = mix(shell, colour * 0.45 + 0.3, select(0.0, 0.85, bus && on_side) * band(at.y, low - 0.2, low - 0.1, e / half.y));
  let bus_lamp = select(0.0, 1.0, bus && at_end) * band(abs(at.z), 0.68, 0.92, e / half.z) * band(at.y, -0.78, -0.6, e / half.y);
  let destination = select(0.0, 1.0, bus && at_end && front) * band(abs(at.z), -1.0, 0.6, e / half.z) * band(at.y, look.z + 0.05, look.z + 0.2, e / half.y);
  surface.colour = select(surface.colour, mix(shell, vec3f(0.6), bus_lamp), cabin);
  surface.gloss = select(surface.gloss, max(0.1, pane * 0.5), cabin);
  surface.glow = select(surface.glow, beam * bus_lamp + vec3f(1.0, 0.55, 0.1) * destination * 0.6 + select(0.0, 0.28, bus) * lights_on * pane * vec3f(0.85, 0.78, 0.6) * (0.55 + 0.45 * at.y), cabin);
  // Wheels.
  let r = length(at.xy);
  let turn = atan2(at.y, at.x);
  let rim = 1.0 - smoothstep(0.62, 0.66, r);
  let spoke = 0.55 + 0.45 * smoothstep(-0.3, 0.3, cos(turn * 5.0 + look.x));
  let wheel = mix(vec3f(0.025), colour * mix(1.0, spoke, smoothstep(0.1, 0.25, r)), rim);
  surface.colour = select(surface.colour, wheel, kind == TYRE);
  // A van's load space: doors at the back, panels at the sides.
  let box_van = kind == PLAIN && look.x > 0.5;
  let rear = normal.x < -0.6;
  let gap = band(abs(m.z), -1.0, 0.015, e) + band(abs(m.z), half.z - 0.09, half.z - 0.07, e) + band(m.y, half.y - 0.14, half.y - 0.12, e);
  let rear_pane = band(abs(abs(m.z) - half.z * 0.46), -1.0, half.z * 0.3, e) * band(m.y, 0.05, half.y * 0.68, e);
  let panel_line = band(abs(abs(m.x) - half.x * 0.36), -1.0, 0.02, e) + band(m.y, -half.y + 0.1, -half.y + 0.14, e);
  var load = mix(colour, colour * 0.45, clamp(select(select(0.0, panel_line * 0.6, on_side), gap, rear), 0.0, 0.8));
  load = mix(load, vec3f(0.02, 0.025, 0.03), select(0.0, rear_pane, rear));
  surface.colour = select(surface.colour, load, box_van);
  surface.gloss = select(surface.gloss, max(0.06, select(0.0, rear_pane * 0.5, rear)), box_van);
  // Cloth: folds, a seam; look.x 1: stripes.
  let fold = 0.88 + 0.24 * noise(vec2f(m.x * 9.0 + m.z * 7.0, m.y * 5.0), i32(look.y));
  let stripe = mix(1.0, 0.45 + 0.55 * step(0.5, fract(m.y * 9.0)), look.x * detail(w, 0.08));
  surface.colour = select(surface.colour, colour * fold * stripe, kind == CLOTH);
  // Bark and leaves.
  let rough = noise(vec2f(turn * 5.0, m.y * 2.5), 51) * 0.5 + 0.7;
  surface.colour = select(surface.colour, colour * rough, kind == BARK);
  // An awning's stripes.
  let strip = mix(0.5, step(0.5, fract(m.x / 0.7)), detail(w, 0.5));
  surface.colour = select(surface.colour, mix(colour, vec3f(0.7, 0.67, 0.6), strip), kind == AWNING);
  // Lamps and plain panes.
  surface.glow = select(surface.glow, colour * (0.15 + 2.6 * lights_on), kind == LAMP);
  surface.gloss = select(surface.gloss, 0.4, kind == GLASS);
  return surface;
}

// Traffic signs, by number (look.x); x and y from -1 to 1 over the plate.
fn sign_face(at: vec3f, normal: vec3f, look: vec4f, colour: vec3f, w: f32, half: vec3f) -> vec3f {
  let kind = i32(look.x);
  let p = at.xy * vec2f(sign(normal.z), 1.0);
  let e = max(w / half.y, 0.02);
  let r = length(p);
  let red = vec3f(0.55, 0.02, 0.025);
  let white = vec3f(0.72, 0.72, 0.7);
  let blue = vec3f(0.02, 0.09, 0.42);
  let bar = band(abs(p.x), -1.0, 0.62, e) * band(abs(p.y), -1.0, 0.17, e);
  let arrow = max(band(abs(p.x), -1.0, 0.13, e) * band(p.y, -0.6, 0.3, e), band(abs(p.x) + (p.y - 0.65), -9.0, 0.0, e) * band(p.y, 0.1, 0.7, e));
  let man = max(1.0 - smoothstep(0.16, 0.16 + e, length(p - vec2f(0.0, 0.42))), band(abs(p.x), -1.0, 0.16 + 0.12 * step(p.y, -0.2), e) * band(p.y, -0.62, 0.24, e));
  // 0 no entry, 1 limit, 2 way ahead, 3 warning triangle, 4 stop, 5 parking square, 6 crossing square, 7 priority diamond.
  let digit = max(band(abs(p.x + 0.24), -1.0, 0.17, e) * band(abs(p.y), -1.0, 0.36, e), band(abs(abs(p.x - 0.24) - 0.13), -1.0, 0.06, e) * band(abs(p.y), -1.0, 0.36, e));
  let up = (p.y + 1.0) * 0.5;
  let inner = band(abs(p.x) / max(1.0 - up, 0.05), -1.0, 0.68, e * 1.5) * band(p.y, -0.72, 2.0, e);
  let letter = max(band(abs(p.x + 0.25), -1.0, 0.12, e) * band(abs(p.y), -1.0, 0.6, e), band(length(p - vec2f(0.0, 0.26)), 0.16, 0.38, e) * step(-0.3, p.x));
  var face = mix(red, white, bar);
  face = select(face, mix(mix(white, vec3f(0.02), digit), red, band(r, 0.74, 2.0, e)), kind == 1);
  face = select(face, mix(blue, white, arrow), kind == 2);
  face = select(face, mix(red, mix(white, vec3f(0.02), man * step(0.0, 0.5 - abs(p.x) * 2.0)), inner), kind == 3);
  face = select(face, mix(red, white, max(bar * step(abs(fract(p.x * 3.1) - 0.5), 0.36), band(r, 0.88, 0.96, e))), kind == 4);
  face = select(face, mix(blue, white, letter), kind == 5);
  face = select(face, mix(blue, white, inner * 0.95 * (1.0 - man)), kind == 6);
  let d = max(abs(p.x), abs(p.y));
  face = select(face, mix(white, vec3f(0.72, 0.45, 0.02), band(d, -1.0, 0.66, e)), kind == 7);
  return select(vec3f(0.2, 0.2, 0.21), face, abs(normal.z) > 0.7) * (colour * 0.0 + 1.0);
}

// What the wet ground reflects at a place of the picture.
fn reflected(at: vec2f) -> vec3f {
  let size = vec2i(i32(params.size.w), i32(params.size.y + 1u) / 2);
  let spot = clamp(vec2i(at * 0.5), vec2i(0), size - 1);
  let word = mirror[u32(spot.y * size.x + spot.x)];
  return vec3f(unpack2x16float(word.x), unpack2x16float(word.y).x);
}

fn shade(index: u32, pixel: vec2f, to: u32) {
  let drawn = undistort((pixel - vec2f(params.down.w, params.forward.w)) / params.right.w);
  let ray = params.right.xyz * drawn.x + params.down.xyz * drawn.y + params.forward.xyz;
  let stretch = length(ray);
  let view = ray / stretch;
  let found = hits[index] & 0xffffu;
  let depth = depths[index];
  let place = params.eye.xyz + ray * depth;
  let far = depth * stretch;
  let is_sky = found == 0u;
  let is_ground = found == 1u;
  let solid = max(i32(found) - 2, 0);

  let m0 = solid_texel(solid, 0);
  let m1 = solid_texel(solid, 1);
  let m2 = solid_texel(solid, 2);
  let taper = solid_texel(solid, 3);
  let round_by = solid_texel(solid, 4);
  let tint = solid_texel(solid, 5);
  let look = solid_texel(solid, 6);
  let half = solid_texel(solid, 7).xyz;
  let kind = select(i32(tint.w), -1, is_sky || is_ground);
  let colour = tint.rgb;

  // The normal is that of the half space or quadric whose bound is met most nearly.
  let at = vec3f(dot(m0.xyz, place) + m0.w, dot(m1.xyz, place) + m1.w, dot(m2.xyz, place) + m2.w);
  let lean = taper.xyz * 0.5;
  var own = vec3f(0.0, sign(at.y), 0.0);
  var bound = abs(at.y) - 1.0;
  let front = at.x + lean.x * at.y - 1.0 + lean.x;
  let back = -at.x + lean.y * at.y - 1.0 + lean.y;
  let sides = abs(at.z) + lean.z * at.y - 1.0 + lean.z;
  own = select(own, vec3f(1.0, lean.x, 0.0), front > bound);
  bound = max(bound, front);
  own = select(own, vec3f(-1.0, lean.y, 0.0), back > bound);
  bound = max(bound, back);
  own = select(own, vec3f(0.0, lean.z, sign(at.z)), sides > bound);
  bound = max(bound, sides);
  let curve = at * round_by.xyz;
  let on_curve = dot(curve, at) - 1.0 > 2.0 * bound && dot(round_by.xyz, vec3f(1.0)) > 0.0;
  own = select(own, curve, on_curve);
  let turned = own.x * m0.xyz + own.y * m1.xyz + own.z * m2.xyz;
  var normal = turned / max(length(turned), 1e-9);
  let metric = own / half;
  let own_normal = metric / max(length(metric), 1e-9);
  normal = select(normal, vec3f(0.0, 1.0, 0.0), is_ground);

  let cosine = max(abs(dot(normal, view)), 0.04);
  let pixel_width = far / params.right.w;
  // Footprint: wide in the direction that is seen at a slant, so between the two.
  let w = clamp(pixel_width * inverseSqrt(cosine), 0.0005, 50.0);
  let w_floor = clamp(pixel_width * mix(inverseSqrt(cosine), 1.0 / cosine, 0.25), 0.0005, 50.0);

  let street_x = nearest_x(place.x);
  let street_z = nearest_z(place.z);
  var surface = thing(kind, at, half, own_normal, look, colour, w);
  if (is_ground) {
    surface = Surface(ground(place.xz, w_floor, street_x, street_z), 0.0, vec3f(0.0));
  }
  if (kind == PAVEMENT) {
    surface.colour = pavement(place.xz, w_floor, street_x, street_z, look, colour);
    let kerb = normal.y < 0.5;
    surface.colour = select(surface.colour, vec3f(0.33, 0.325, 0.31), kerb);
  }
  if (kind == SIGN) {
    surface = Surface(sign_face(at, own_normal, look, colour, w, half), 0.05, vec3f(0.0));
  }
  let across = abs(own_normal.x) > abs(own_normal.z);
  if (kind == WALL && abs(normal.y) < 0.5) {
    let wide = select(half.x, half.z, across);
    let along = select(at.x * sign(own_normal.z), -at.z * sign(own_normal.x), across) * wide;
    let face = select(0.0, 17.0, across) + select(0.0, 5.0, own_normal.x + own_normal.z > 0.0);
    let side = dot(params.sun.xyz, cross(vec3f(0.0, 1.0, 0.0), normal));
    surface = facade(along + wide, (at.y + 1.0) * half.y, 2.0 * wide, 2.0 * half.y, look + vec4f(face, 0.0, 0.0, 0.0), colour, w, side);
  }
  if (kind == ROOF) {
    let run = select(at.x * half.x, at.z * half.z, across);
    let height = (at.y + 1.0) * half.y;
    let row = floor(height / 0.32);
    let tile = mixed(i32(row), i32(floor(run / 0.35 + 0.5 * (row - 2.0 * floor(row * 0.5)))), i32(look.x));
    let edge = band(height - row * 0.32, 0.05, 0.32, max(w, 0.02));
    let tone = mix(0.9, (0.75 + 0.4 * tile) * mix(0.6, 1.0, edge), detail(w, 0.3));
    surface.colour = colour * tone * (0.85 + 0.3 * noise(vec2f(run * 0.4, height * 0.4), i32(look.x)));
  }
  if (kind == LEAVES) {
    let clump = noise3(place * 2.6, i32(look.x));
    let leaf = cells3(place * 11.0) * detail(w, 0.16) + 0.5 * (1.0 - detail(w, 0.16));
    let spray = cells3(place * 5.3 + 31.0) * detail(w, 0.3) + 0.5 * (1.0 - detail(w, 0.3));
    let tuft = clump * 0.5 + leaf * 0.24 + spray * 0.26;
    surface.colour = colour * (0.25 + 1.35 * tuft) * mix(vec3f(1.0), vec3f(1.22, 1.08, 0.7), clump * leaf);
    // Light comes through, and the under side is dark.
    normal = normalize(normal + vec3f(0.0, 0.25, 0.0) + (tuft - 0.5) * vec3f(0.8, 1.2, -0.8));
  }

  // The field: shade of buildings and trees, openness, lamps.
  let cell_at = clamp((place.xz + normal.xz * 0.45 - params.field.xy) * params.field.z - 0.5, vec2f(0.0), vec2f(params.field.w - 1.01));
  let cell = vec2i(cell_at);
  let part = fract(cell_at);
  let first = cell.y * i32(params.field.w) + cell.x;
  let next = first + i32(params.field.w);
  let field_at = mix(
    mix(field_cell(first), field_cell(first + 1), part.x),
    mix(field_cell(next), field_cell(next + 1), part.x), part.y);
  var shade = smoothstep(-0.35, 0.35, place.y - field_at.x + 0.05);
  let dapple = smoothstep(0.3, 0.62, noise(place.xz * 1.7 + place.y, 61) * 0.7 + noise(place.xz * 5.0, 62) * 0.3);
  let under = smoothstep(0.4, -0.4, place.y - field_at.y) * select(1.0, 0.25, kind == LEAVES);
  shade *= 1.0 - under * (0.92 - 0.5 * dapple);
  var open = mix(field_at.z, 1.0, clamp(place.y / 14.0, 0.0, 1.0));
  open *= 1.0 - 0.35 * under;
  // Close to the ground walls are darker.
  open *= select(1.0, 0.72 + 0.28 * smoothstep(0.0, 1.4, place.y), kind == WALL);
  // Things stand on their shadows.
  let spot_tile = vec2u(pixel / 8.0);
  let tile = i32(spot_tile.y * params.size.z + spot_tile.x);
  let casters = list_texel(tile * 2 + 1);
  var caster = i32(casters.x);
  let last_caster = caster + 2 * i32(casters.y);
  loop {
    // Left at its end, as in trace.wgsl; without casters it runs once for nothing.
    let casts = caster < last_caster;
    let spot = list_texel(caster);
    let extent = list_texel(caster + 1);
    let off = place.xz - spot.xy;
    let q = vec2f(off.x * spot.z + off.y * spot.w, off.y * spot.z - off.x * spot.w);
    let low = place.y - extent.w;
    let to_sun = vec3f(params.sun.x * spot.z + params.sun.z * spot.w, params.sun.y, params.sun.z * spot.z - params.sun.x * spot.w);
    let gap = length(max(abs(q) - extent.xy, vec2f(0.0)));
    let beneath = select(0.0, smoothstep(0.25, -0.05, low) * step(0.5, normal.y), casts);
    open *= 1.0 - beneath * 0.72 * exp(-gap * gap * 9.0 / max(extent.z * extent.z, 0.2));
    // The box as the sun sees it, with soft edges.
    let inv = 1.0 / select(to_sun, vec3f(1e-4), abs(to_sun) < vec3f(1e-4));
    let ta = (-extent.xy - q) * inv.xz;
    let tb = (extent.xy - q) * inv.xz;
    let enter = max(max(min(ta.x, tb.x), min(ta.y, tb.y)), (0.12 * extent.z - low) * inv.y);
    let leave = min(min(max(ta.x, tb.x), max(ta.y, tb.y)), (extent.z - low) * inv.y);
    let depth_in = leave - max(enter, 0.0);
    shade *= 1.0 - beneath * 0.95 * smoothstep(0.0, 0.35 * extent.z + 0.05, depth_in);
    caster += 2;
    if (caster >= last_caster) {
      break;
    }
  }

  let facing_sun = select(max(dot(normal, params.sun.xyz), 0.0), 0.5 + 0.5 * dot(normal, params.sun.xyz), kind == LEAVES);
  let sun = params.sunlight.rgb * facing_sun * shade;
  let bounce = params.sunlight.rgb * vec3f(0.1, 0.095, 0.085) * (0.6 - 0.4 * normal.y) * params.sun.y;
  let ambient = params.skylight.rgb * (0.62 + 0.38 * normal.y) + bounce;
  let lamp = vec3f(1.0, 0.66, 0.34) * params.skylight.w * field_at.w * exp(-max(place.y - 1.0, 0.0) * 0.28) * (0.45 + 0.55 * abs(normal.y));
  let wet = params.sunlight.w;
  let puddle = smoothstep(0.46, 0.72, noise(place.xz * 0.33, 71) * 0.75 + noise(place.xz * 1.7, 72) * 0.25);
  let level = select(0.0, 1.0, is_ground || kind == PAVEMENT) * step(0.9, normal.y);
  let soaked = wet * level;
  var albedo = surface.colour * (1.0 - 0.45 * soaked) * (1.0 - 0.12 * wet);
  var lit = albedo * (sun + ambient * open + lamp) + surface.glow;
  let mirrored = reflect(view, normal);
  let fresnel = pow(1.0 - cosine, 5.0);
  let seen = sky_gradient(mirrored) * mix(0.35, 1.0, smoothstep(-0.1, 0.35, mirrored.y)) * mix(0.45, 1.0, open);
  let shine = clamp(surface.gloss * (0.35 + 0.65 * fresnel) + fresnel * 0.3 * step(0.01, surface.gloss), 0.0, 1.0);
  lit = mix(lit, seen, shine);
  let spark = pow(max(dot(mirrored, params.sun.xyz), 0.0), 60.0) * shade * step(0.05, surface.gloss);
  lit += params.sunlight.rgb * spark * 0.6;
  if (WET) {
    let ripple = vec2f(noise(place.xz * 7.0 + params.town.y * 3.0, 73), noise(place.xz * 6.0 - params.town.y * 2.0, 74)) - 0.5;
    let smear = mix(vec2f(3.0, 16.0), vec2f(1.0, 3.0), puddle) * ripple * (params.right.w / 280.0);
    // Three looks along the ripple, since the mirror's picture is small.
    let across = vec2f(0.9, 0.35) + 0.35 * smear;
    let image = (reflected(pixel + smear) + reflected(pixel + 0.6 * smear + across) + reflected(pixel + 0.8 * smear - across)) / 3.0;
    let sheen = mix(0.04, 0.75, pow(1.0 - cosine, 3.0)) * mix(0.55, 1.0, puddle);
    lit = mix(lit, image, soaked * sheen);
  }
  let haze = 1.0 - exp(-far * params.horizon.w);
  let haze_colour = mix(params.horizon.rgb, sky_gradient(vec3f(view.x, 0.04, view.z)), 0.5);
  lit = mix(lit, haze_colour, clamp(haze, 0.0, 1.0));
  let out_colour = min(select(lit, sky(view), is_sky), vec3f(60.0));
  colours[to] = vec2u(pack2x16float(out_colour.rg), pack2x16float(vec2f(out_colour.b, 1.0)));
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let centres = params.size.x * params.size.y;
  let wide = 2u * params.size.x + 1u;
  let end = centres + select(counts[TALLY], 0u, STEP == 1u);
  var i = id.y * groups.x * 64u + id.x;
  if (i >= end) {
    return;
  }
  // Left at its end: software Vulkan would run the whole of a last round for nothing.
  loop {
    let at = vec2u(i % params.size.x, i / params.size.x);
    if (STEP == 1u) {
      shade(i, vec2f(at) + 0.5, i);
    } else {
      let fine = select(todo[max(i, centres) - centres], (2u * at.y + 1u) * wide + 2u * at.x + 1u, i < centres);
      shade(i, vec2f(f32(fine % wide), f32(fine / wide)) * 0.5, fine);
    }
    i += groups.x * groups.y * 64u;
    if (i >= end) {
      break;
    }
  }
}
