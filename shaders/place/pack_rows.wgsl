// Packs rows of 32-bit floats as the index keeps them: padded with zeros to blocks of 16 elements. One invocation a block.
//
// source  row r at r * dimensions
// packed  a block: 16, 8 or 4 words, by the injected "form"
// scales  the factor of each row; only 8-bit rows have them

struct Params {
  rows: u32,
  dimensions: u32,
  blocks: u32,
};

@group(0) @binding(0) var<storage, read_write> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> packed: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;

fn element(row: u32, i: u32) -> f32 {
  if (i >= params.dimensions) { return 0.0; }
  return source[row * params.dimensions + i];
}

fn four(row: u32, i: u32) -> vec4f {
  return vec4f(element(row, i), element(row, i + 1u), element(row, i + 2u), element(row, i + 3u));
}

//#inject form
fn store(row: u32, at: u32) {
  let to = (row * params.blocks + at) * 16u;
  for (var j = 0u; j < 16u; j++) {
    packed[to + j] = bitcast<u32>(element(row, at * 16u + j));
  }
}
//#end

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  if (index >= params.rows * params.blocks) { return; }
  store(index / params.blocks, index % params.blocks);
}
