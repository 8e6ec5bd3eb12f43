// Tells whether subgroup operations work as kernels use them: y[i] is 800 (lane 7's number plus one, times 100), plus ten times
// lane 2 of its quad, plus its neighbour in its pair, where subgroups have at least 8 invocations and the first 8 of a workgroup
// are one; anything else means that they do not.

@group(0) @binding(0) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(8)
fn main(@builtin(local_invocation_index) local: u32, @builtin(subgroup_invocation_id) lane: u32) {
  y[local] = 100u * (subgroupBroadcast(lane, 7u) + 1u) + 10u * quadBroadcast(lane, 2u) + subgroupShuffle(lane, lane ^ 1u);
}
