// Which update is the last for each place: last[targets[i]] = max(last[targets[i]], i + 1).
//
// `last` is 0 everywhere beforehand, and stays so where no update goes. All are linear, from offset 0.
//
// Grid: the updates (`count`).

struct Params {
  count: u32,
};

@group(0) @binding(0) var<storage, read_write> targets: array<i32>;
@group(0) @binding(1) var<storage, read_write> last: array<atomic<i32>>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  atomicMax(&last[targets[index]], i32(index) + 1);
}
