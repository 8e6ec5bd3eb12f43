// One invocation that does next to nothing: what a dispatch costs that computes nothing.

@group(0) @binding(0) var<storage, read_write> y: array<u32>;

@compute @workgroup_size(1)
fn main() {
  y[0] = 1u;
}
