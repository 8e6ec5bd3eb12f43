// One direction of a Gaussian blur of all levels: 7 x 7, sigma 2, weights 18, 34, 48, 56, 48, 34, 18 of 256. One invocation
// four pixels in that direction, which have most of what they read in common.
//
// x  a word a pixel, level after level
// y  the same: sums in 1/256 after the first direction, rounded to whole numbers after the second (DOWN)
//
// Beyond an edge the pixel at the edge counts again; key points whose samples reach there are not exact near edges.

override DOWN: bool = false;

struct Params {
  // Of each level: width, height, first pixel, cells in a row.
  sizes: array<vec4u, 8>,
  // First cell, cells, candidates a cell, first candidate.
  cells: array<vec4u, 8>,
  // Most key points, the place of the first.
  quotas: array<vec4u, 8>,
  // Size of a pixel in pixels of level 0.
  scales: array<vec4f, 8>,
  levels: u32,
  pixels: u32,
  border: u32,
  threshold: i32,
}

@group(0) @binding(0) var<storage, read_write> x: array<u32>;
@group(0) @binding(1) var<storage, read_write> y: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  var index = (group.y * groups.x + group.x) * 64u + lane;
  var level = 0u;
  var size = params.sizes[0];
  var last = select(size.x, size.y, DOWN) - 1u;
  var across = select(size.y, size.x, DOWN);
  while (index >= (last / 4u + 1u) * across) {
    index -= (last / 4u + 1u) * across;
    level++;
    if (level == params.levels) { return; }
    size = params.sizes[level];
    last = select(size.x, size.y, DOWN) - 1u;
    across = select(size.y, size.x, DOWN);
  }
  // Neighbours have neighbouring columns.
  let fours = last / 4u + 1u;
  let along = 4u * select(index % fours, index / across, DOWN);
  let other = select(index / fours, index % across, DOWN);
  let step = select(1u, size.x, DOWN);
  let start = size.z + other * select(size.x, 1u, DOWN);
  var v: array<u32, 10>;
  //#unroll i 10
  for (var i = 0u; i < 10u; i++) {
    v[i] = x[start + min(max(along + i, 3u) - 3u, last) * step];
  }
  //#end
  //#unroll i 4
  for (var i = 0u; i < 4u; i++) {
    if (along + i <= last) {
      let sum = 56u * v[i + 3u] + 48u * (v[i + 2u] + v[i + 4u]) + 34u * (v[i + 1u] + v[i + 5u]) + 18u * (v[i] + v[i + 6u]);
      y[start + (along + i) * step] = select(sum, (sum + 32768u) >> 16u, DOWN);
    }
  }
  //#end
}
