// One direction of a Gaussian blur of all levels: 7 x 7, sigma 2, weights 18, 34, 48, 56, 48, 34, 18 of 256.
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
  let index = (group.y * groups.x + group.x) * 64u + lane;
  if (index >= params.pixels) { return; }
  var level = 0u;
  while (level + 1u < params.levels && index >= params.sizes[level + 1u].z) { level++; }
  let size = params.sizes[level];
  let column = (index - size.z) % size.x;
  let row = (index - size.z) / size.x;
  let along = i32(select(column, row, DOWN));
  let last = i32(select(size.x, size.y, DOWN)) - 1;
  let step = i32(select(1u, size.x, DOWN));
  let start = i32(index) - along * step;
  var sum = 56u * x[index];
  sum += 48u * (x[start + max(along - 1, 0) * step] + x[start + min(along + 1, last) * step]);
  sum += 34u * (x[start + max(along - 2, 0) * step] + x[start + min(along + 2, last) * step]);
  sum += 18u * (x[start + max(along - 3, 0) * step] + x[start + min(along + 3, last) * step]);
  y[index] = select(sum, (sum + 32768u) >> 16u, DOWN);
}
