// What each sample of a picture of the town shows, by ray casting: which solid, and how far along the camera's axis.
//
// solids  8 texels a solid (src/world/solids.ts): three rows of the affine map that takes the world to the solid's own
//         axes; taper front, back, sides and hollow^2; quadric and torn; colour and kind; look; half sizes and owner
// lists   the solids that a tile of pixels may show (src/world/tiles.ts). Two texels a tile come first: (first entry,
//         number labelled, scenery, foliage), (shadow casters, 0, 0, 0). An entry: (solid, least depth, slot, 0)
// hits    a word a sample: 0 sky, 1 ground, 2 + solid; times 65536 on top, the face that was met
// depths  a float a sample: depth along the camera's axis, 0 for the sky
// todo    samples of the grid twice as fine (pick.wgsl), counts[TALLY] how many, if LISTED
// counts  a word a slot: pixels that a labelled thing covers, hidden or not
//
// The first samples are the centres of the pixels, row by row. If LISTED the others are traced: of the grid twice as fine whose
// odd columns and rows are the centres, those that were picked, in the order of their list.
//
// A solid is convex: a box whose sides lean in, cut by a quadric. Its entry is the latest of the entries of all seven, its
// exit the earliest (Kay and Kajiya, Ray tracing complex scenes, 1986). Labelled things are tested whatever hides them, since
// what they would cover is counted; scenery lies sorted by its least depth, so that a tile can stop early.

struct Params {
  // Pixels a row, rows, tiles a row, 1 if coverage is counted.
  size: vec4u,
  // The camera; below the ground for the mirrored picture, then w is -1.
  eye: vec4f,
  // The camera's axes as seen in the world; w: focal length, principal point x, y.
  right: vec4f,
  down: vec4f,
  forward: vec4f,
  // k1, k2, 0, 0.
  lens: vec4f,
}

override LISTED: bool = false;
override TALLY: u32 = 1024u;

@group(0) @binding(0) var solids: texture_2d<f32>;
@group(0) @binding(1) var lists: texture_2d<f32>;
@group(0) @binding(2) var<storage, read_write> hits: array<u32>;
@group(0) @binding(3) var<storage, read_write> depths: array<f32>;
@group(0) @binding(4) var<storage, read_write> counts: array<atomic<u32>>;
@group(0) @binding(5) var<storage, read_write> todo: array<u32>;
@group(0) @binding(6) var<uniform> params: Params;

const FAR = 1e6;
const NEAR = 0.05;

fn solid_texel(solid: i32, part: i32) -> vec4f {
  return textureLoad(solids, vec2i((solid & 127) * 8 + part, solid >> 7u), 0);
}

fn list_texel(index: i32) -> vec4f {
  return textureLoad(lists, vec2i(index & 1023, index >> 10u), 0);
}

// Undoes radial distortion by Newton's method: src/world/lens.ts does the same.
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

// Where the ray is inside all faces so far, and the face that it enters by.
struct Span {
  enter: f32,
  leave: f32,
  face: u32,
}

// One half space n . p <= k: later entry or earlier exit.
fn clip(span: Span, slope: f32, room: f32, face: u32) -> Span {
  let den = select(slope, 1e-9, abs(slope) < 1e-9);
  let t = room / den;
  let enters = den < 0.0;
  let later = enters && t > span.enter;
  return Span(
    select(span.enter, t, later),
    select(min(span.leave, t), span.leave, enters),
    select(span.face, face, later));
}

struct Hit {
  // Where it is entered, or FAR.
  t: f32,
  // How squarely the ray meets a rounded surface, 0 to 1.
  facing: f32,
  // How much of the rim is torn away.
  torn: f32,
  // 0 to 5 the box's, 6 the quadric's.
  face: u32,
}

fn meet(solid: i32, eye: vec3f, ray: vec3f) -> Hit {
  let m0 = solid_texel(solid, 0);
  let m1 = solid_texel(solid, 1);
  let m2 = solid_texel(solid, 2);
  let taper = solid_texel(solid, 3);
  let round = solid_texel(solid, 4);
  let o = vec3f(dot(m0.xyz, eye) + m0.w, dot(m1.xyz, eye) + m1.w, dot(m2.xyz, eye) + m2.w);
  let d = vec3f(dot(m0.xyz, ray), dot(m1.xyz, ray), dot(m2.xyz, ray));
  let lean = taper * 0.5;
  var span = Span(-FAR, FAR, 0u);
  span = clip(span, d.y, 1.0 - o.y, 0u);
  span = clip(span, -d.y, 1.0 + o.y, 1u);
  span = clip(span, d.x + lean.x * d.y, 1.0 - lean.x - o.x - lean.x * o.y, 2u);
  span = clip(span, -d.x + lean.y * d.y, 1.0 - lean.y + o.x - lean.y * o.y, 3u);
  span = clip(span, d.z + lean.z * d.y, 1.0 - lean.z - o.z - lean.z * o.y, 4u);
  span = clip(span, -d.z + lean.z * d.y, 1.0 - lean.z + o.z - lean.z * o.y, 5u);
  // About the point nearest the centre, where few digits cancel.
  let a = max(dot(round.xyz, d * d), 1e-12);
  let middle = -dot(round.xyz, o * d) / a;
  let nearest = o + middle * d;
  let inside = 1.0 - dot(round.xyz, nearest * nearest);
  let reach = sqrt(max(inside, 0.0) / a);
  let face = select(span.face, 6u, middle - reach > span.enter);
  let enter = max(span.enter, middle - reach);
  let leave = min(span.leave, middle + reach);
  let at = o + enter * d;
  let radius = dot(at.xy, at.xy);
  // Eight spokes; a hollow solid is a wheel.
  let across = min(min(abs(at.x), abs(at.y)), min(abs(at.x - at.y), abs(at.x + at.y)) * 0.7071);
  let hole = radius < taper.w && across > 0.045 && radius > 0.02;
  let met = enter <= leave && inside >= 0.0 && enter > NEAR && !hole;
  let facing = abs(dot(at * round.xyz, d)) * inverseSqrt(max(dot(d, d), 1e-12));
  return Hit(select(FAR, enter, met), facing, round.w, face);
}

fn hash3(p: vec3f) -> f32 {
  let q = vec3u(vec3i(floor(p)));
  var h = q.x * 0x9e3779b1u ^ q.y * 0x85ebca77u ^ q.z * 0xc2b2ae3du;
  h = (h ^ (h >> 15u)) * 0x2c1b3c6du;
  h ^= h >> 13u;
  return f32(h >> 8u) / 16777216.0;
}

fn counted() -> u32 {
  return atomicLoad(&counts[TALLY]);
}

fn trace(index: u32, pixel: vec2f) {
  let at = undistort((pixel - vec2f(params.down.w, params.forward.w)) / params.right.w);
  let ray = params.right.xyz * at.x + params.down.xyz * at.y + params.forward.xyz;
  let eye = params.eye.xyz;

  var best = FAR;
  var found = 0u;
  let ground = -eye.y / select(ray.y, 1e-9, abs(ray.y) < 1e-9);
  if (params.eye.w > 0.0 && ray.y < 0.0) {
    best = ground;
    found = 1u;
  }

  let place = vec2u(pixel / 8.0);
  let tile = i32(place.y * params.size.z + place.x);
  let head = list_texel(tile * 2);
  let first = i32(head.x);
  let labelled = first + i32(head.y);
  let scenery = labelled + i32(head.z);
  let foliage = scenery + i32(head.w);

  // Loops are left at their ends: software Vulkan runs a round that is left at its beginning all the same.
  var i = labelled;
  var entry = list_texel(i);
  if (i < scenery && entry.y <= best) {
    loop {
      let hit = meet(i32(entry.x), eye, ray);
      if (hit.t < best) {
        best = hit.t;
        found = (u32(entry.x) + 2u) | hit.face << 16u;
      }
      i++;
      entry = list_texel(i);
      if (i >= scenery || entry.y > best) {
        break;
      }
    }
  }

  i = scenery;
  entry = list_texel(i);
  if (i < foliage && entry.y <= best) {
    loop {
      let hit = meet(i32(entry.x), eye, ray);
      // Clumps of leaves: the nearer to the outline, the more of them are missing.
      let leaf = eye + min(hit.t, 1e3) * ray + 512.0;
      let grain = 0.55 * hash3(leaf * 4.1) + 0.45 * hash3(leaf * 10.3);
      let open = grain * hit.torn > hit.facing;
      if (hit.t < best && !open) {
        best = hit.t;
        found = (u32(entry.x) + 2u) | hit.face << 16u;
      }
      i++;
      entry = list_texel(i);
      if (i >= foliage || entry.y > best) {
        break;
      }
    }
  }

  let whole = !LISTED && params.size.w == 1u;
  var slot = -1;
  var covered = false;
  i = first;
  if (i < labelled) {
    loop {
      entry = list_texel(i);
      let hit = meet(i32(entry.x), eye, ray);
      let current = i32(entry.z);
      if (current != slot) {
        if (covered && whole) {
          atomicAdd(&counts[slot], 1u);
        }
        covered = false;
        slot = current;
      }
      covered = covered || hit.t < FAR;
      if (hit.t < best) {
        best = hit.t;
        found = (u32(entry.x) + 2u) | hit.face << 16u;
      }
      i++;
      if (i >= labelled) {
        break;
      }
    }
  }
  if (covered && whole) {
    atomicAdd(&counts[slot], 1u);
  }

  hits[index] = found;
  depths[index] = select(best, 0.0, found == 0u);
}

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let centres = params.size.x * params.size.y;
  var i = id.y * groups.x * 64u + id.x;
  if (!LISTED) {
    if (i < centres) {
      trace(i, vec2f(f32(i % params.size.x), f32(i / params.size.x)) + 0.5);
    }
    return;
  }
  let count = counted();
  if (i >= count) {
    return;
  }
  let wide = 2u * params.size.x + 1u;
  loop {
    let fine = todo[i];
    trace(centres + i, vec2f(f32(fine % wide), f32(fine / wide)) * 0.5);
    i += groups.x * groups.y * 64u;
    if (i >= count) {
      break;
    }
  }
}
