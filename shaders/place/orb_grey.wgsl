// Grey pixels of a network's input to words, the form of all levels of the pyramid.
//
// x        grey, 0 to 255, in the first of four lanes
// pyramid  a word a pixel; level 0 comes first; rows are padded by their last pixel to a multiple of four

struct Params {
  width: u32,
  height: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> pyramid: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + lane;
  let stride = (params.width + 3u) & ~3u;
  let row = index / stride;
  if (row >= params.height) { return; }
  let grey = x[row * params.width + min(index % stride, params.width - 1u)].x;
  pyramid[index] = u32(clamp(round(grey), 0.0, 255.0));
}
