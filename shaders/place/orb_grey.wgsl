// Grey pixels of a network's input to words, the form of all levels of the pyramid.
//
// x        grey, 0 to 255, in the first of four lanes
// pyramid  a word a pixel; level 0 comes first

struct Params {
  pixels: u32,
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
  if (index >= params.pixels) { return; }
  pyramid[index] = u32(clamp(round(x[index].x), 0.0, 255.0));
}
