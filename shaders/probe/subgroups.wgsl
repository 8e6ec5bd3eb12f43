// Tells whether subgroup operations work as kernels use them: y[i] is lane 7's number plus one, where subgroups have at
// least 8 invocations and the first 8 of a workgroup are one; anything else means that they do not.

@group(0) @binding(0) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) local: u32, @builtin(subgroup_invocation_id) lane: u32) {
  y[local] = subgroupBroadcast(lane, 7u) + 1u;
}
