// Empties the candidate list before a frame's heads append to it.
//
// state  [0]: number of candidates; [1]: number selected

@group(0) @binding(0) var<storage, read_write> state: array<u32>;

@compute @workgroup_size(4)
fn main(@builtin(local_invocation_index) i: u32) {
  state[i] = 0u;
}
