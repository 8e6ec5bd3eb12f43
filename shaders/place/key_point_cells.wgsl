// A map of descriptors to rows, one a cell, and what makes each of unit length; and the counts of a frame to zero, which
// later kernels count up. One invocation a cell.
//
// map      [dimensions, rows, columns]
// cells    of each cell its descriptor, padded with zeros to whole vec4f
// inverse  of each cell 1 / length of its descriptor, 0 for zeros
// state    two words: zero

struct Params {
  cells: u32,
}

// A constant, because software Vulkan may compile a kernel anew at every dispatch where a loop hangs on a parameter alone.
override DIMENSIONS: u32 = 64u;

@group(0) @binding(0) var<storage, read_write> map: array<f32>;
@group(0) @binding(1) var<storage, read_write> cells: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> inverse: array<f32>;
@group(0) @binding(3) var<storage, read_write> state: array<vec2u>;
@group(0) @binding(4) var<uniform> params: Params;

fn element(channel: u32, cell: u32) -> f32 {
  if (channel >= DIMENSIONS) { return 0.0; }
  return map[channel * params.cells + cell];
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let cell = (group.y * groups.x + group.x) * 64u + lane;
  if (cell == 0u) { state[0] = vec2u(0u); }
  if (cell >= params.cells) { return; }
  let width = (DIMENSIONS + 3u) / 4u;
  var sum = 0.0;
  for (var i = 0u; i < width; i++) {
    let four = vec4f(
      element(4u * i, cell),
      element(4u * i + 1u, cell),
      element(4u * i + 2u, cell),
      element(4u * i + 3u, cell),
    );
    cells[cell * width + i] = four;
    sum += dot(four, four);
  }
  inverse[cell] = select(0.0, inverseSqrt(sum), sum > 0.0);
}
