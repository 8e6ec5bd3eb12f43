// Which samples between the centres of pixels are worth tracing and shading: those between two pixels that do not show the
// same face of the same solid. All others have the colour of the centre beside them, and finish.wgsl takes it from there. One
// invocation a pixel looks at the samples to its right, below, and between the two.
//
// hits    what the centre of each pixel shows, with its face (trace.wgsl)
// colours two words a sample of the grid twice as fine; the second is made 0 where the sample is left out
// todo    the samples of that grid to trace and shade, in any order
// counts  word TALLY: how many they are

struct Params {
  // Pixels a row, rows.
  size: vec4u,
}

override TALLY: u32 = 1024u;

@group(0) @binding(0) var<storage, read_write> hits: array<u32>;
@group(0) @binding(1) var<storage, read_write> colours: array<u32>;
@group(0) @binding(2) var<storage, read_write> todo: array<u32>;
@group(0) @binding(3) var<storage, read_write> counts: array<atomic<u32>>;
@group(0) @binding(4) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) groups: vec3u) {
  let pixel = id.y * groups.x * 64u + id.x;
  if (pixel >= params.size.x * params.size.y) {
    return;
  }
  let stride = 2u * params.size.x + 1u;
  let x = pixel % params.size.x;
  let y = pixel / params.size.x;
  let right = pixel + select(0u, 1u, x + 1u < params.size.x);
  let below = pixel + select(0u, params.size.x, y + 1u < params.size.y);
  let hit = hits[pixel];
  let pick_right = hits[right] != hit;
  let pick_below = hits[below] != hit;
  let pick_across = pick_right || pick_below || hits[right + below - pixel] != hit;
  let here = (2u * y + 1u) * stride + 2u * x + 1u;
  colours[2u * (here + 1u) + 1u] = 0u;
  colours[2u * (here + stride) + 1u] = 0u;
  colours[2u * (here + stride + 1u) + 1u] = 0u;
  let count = select(0u, 1u, pick_right) + select(0u, 1u, pick_below) + select(0u, 1u, pick_across);
  if (count > 0u) {
    var at = atomicAdd(&counts[TALLY], count);
    if (pick_right) {
      todo[at] = here + 1u;
      at++;
    }
    if (pick_below) {
      todo[at] = here + stride;
      at++;
    }
    if (pick_across) {
      todo[at] = here + stride + 1u;
    }
  }
}
