// One direction of a Gaussian blur of all levels: 7 x 7, sigma 2, weights 18, 34, 48, 56, 48, 34, 18 of 256. One invocation
// four pixels of a row, with DOWN of four rows, which have most of what they read in common.
//
// x  a word a pixel, level after level; rows are padded by their last pixel to a multiple of four
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

@group(0) @binding(0) var<storage, read_write> x: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4u>;
@group(0) @binding(2) var<uniform> params: Params;

fn along(four: u32, fours: u32, column: u32) {
  let middle = x[four];
  var before = vec4u(middle.x);
  var after = vec4u(middle.w);
  if (column > 0u) { before = x[four - 1u]; }
  if (column + 1u < fours) { after = x[four + 1u]; }
  let a = vec4u(before.w, middle.xyz) + vec4u(middle.yzw, after.x);
  let b = vec4u(before.zw, middle.xy) + vec4u(middle.zw, after.xy);
  let c = vec4u(before.yzw, middle.x) + vec4u(middle.w, after.xyz);
  y[four] = 56u * middle + 48u * a + 34u * b + 18u * c;
}

fn down(first: u32, fours: u32, row: u32, height: u32) {
  var v: array<vec4u, 10>;
  //#unroll i 10
  for (var i = 0u; i < 10u; i++) {
    v[i] = x[first + min(max(row + i, 3u) - 3u, height - 1u) * fours];
  }
  //#end
  //#unroll i 4
  for (var i = 0u; i < 4u; i++) {
    if (row + i < height) {
      let near = 56u * v[i + 3u] + 48u * (v[i + 2u] + v[i + 4u]);
      let far = 34u * (v[i + 1u] + v[i + 5u]) + 18u * (v[i] + v[i + 6u]);
      y[first + (row + i) * fours] = (near + far + 32768u) >> vec4u(16u);
    }
  }
  //#end
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  var index = (group.y * groups.x + group.x) * 64u + lane;
  let rows = select(1u, 4u, DOWN);
  // Plus 0, which a compiler does not see: Mesa's software Vulkan may compile a kernel anew at every dispatch, and never
  // frees it, where a branch hangs on parameters alone.
  let levels = params.levels + (lane >> 31u);
  var level = 0u;
  var size = params.sizes[0];
  var fours = (size.x + 3u) / 4u;
  var count = fours * ((size.y + rows - 1u) / rows);
  while (index >= count) {
    index -= count;
    level++;
    if (level == levels) { return; }
    size = params.sizes[level];
    fours = (size.x + 3u) / 4u;
    count = fours * ((size.y + rows - 1u) / rows);
  }
  let column = index % fours;
  let row = index / fours * rows;
  if (DOWN) {
    down(size.z / 4u + column, fours, row, size.y);
  } else {
    along(size.z / 4u + row * fours + column, fours, column);
  }
}
