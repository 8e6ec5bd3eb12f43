// Writes one value everywhere: y[y_offset + i] = value for i < count.
//
// y is linear. Grid: `count`.

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

struct Params {
  count: u32,
  y_offset: u32,
  value: scalar,
};

@group(0) @binding(0) var<storage, read_write> y: array<scalar>;
@group(0) @binding(1) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  y[params.y_offset + index] = params.value;
}
