// Multiply-adds that stay in registers: chains of vec4 that do not wait for each other, long enough to hide everything
// else. Each invocation does ROUNDS x chains x 4 of them; their sum is written to y, so that none can be left out.

const CHAINS = 8u;
const ROUNDS = 1000u;

@group(0) @binding(0) var<storage, read_write> y: array<vec4f>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let a = vec4f(f32(id.x) * 1e-6);
  let b = vec4f(0.999);
  var sums: array<vec4f, 8>;
  //#unroll c CHAINS
  for (var c = 0u; c < CHAINS; c++) {
    sums[c] = a + f32(c);
  }
  //#end
  for (var i = 0u; i < ROUNDS; i++) {
    //#unroll c CHAINS
    for (var c = 0u; c < CHAINS; c++) {
      sums[c] = fma(sums[c], b, a);
    }
    //#end
  }
  var sum = vec4f();
  //#unroll c CHAINS
  for (var c = 0u; c < CHAINS; c++) {
    sum += sums[c];
  }
  //#end
  y[id.x] = sum;
}
