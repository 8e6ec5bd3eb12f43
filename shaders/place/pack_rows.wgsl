// Packs rows of 32-bit floats as the index keeps them: padded with zeros to blocks of 16 elements. One invocation a block.
//
// source  row r at (start + r) * dimensions
// first   the first row's place in what it is packed into
// packed  panels, as place/compare_rows reads them; a block is 4, 2 or 1 of 16 bytes, by the injected "form"
// scales  the factor of each row; only 8-bit rows have them

struct Params {
  rows: u32,
  start: u32,
  dimensions: u32,
  blocks: u32,
  // 16 bytes of a row: how many.
  row16s: u32,
};

@group(0) @binding(0) var<storage, read_write> source: array<f32>;
@group(0) @binding(1) var<storage, read_write> first: array<u32>;
@group(0) @binding(2) var<storage, read_write> packed: array<vec4u>;
@group(0) @binding(3) var<uniform> params: Params;

fn element(row: u32, i: u32) -> f32 {
  if (i >= params.dimensions) { return 0.0; }
  return source[(params.start + row) * params.dimensions + i];
}

fn four(row: u32, i: u32) -> vec4f {
  return vec4f(element(row, i), element(row, i + 1u), element(row, i + 2u), element(row, i + 3u));
}

fn place_of(row: u32, i: u32) -> u32 {
  let at = first[0] + row;
  return ((at / 64u) * params.row16s + i) * 64u + at % 64u;
}

//#inject form
fn store(row: u32, at: u32) {
  for (var j = 0u; j < 4u; j++) {
    packed[place_of(row, at * 4u + j)] = bitcast<vec4u>(four(row, at * 16u + j * 4u));
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
