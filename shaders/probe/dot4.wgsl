// Tells whether packed dot products work as kernels use them, negative bytes included: y[0] and y[1] hold four signed
// bytes each, and y[2] gets the sum of their products.

@group(0) @binding(0) var<storage, read_write> y: array<i32>;

@compute @workgroup_size(1)
fn main() {
  y[2] = dot4I8Packed(u32(y[0]), u32(y[1]));
}
