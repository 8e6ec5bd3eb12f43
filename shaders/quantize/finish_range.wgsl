// Scale and zero point for 0 to 255 from the ranges of a tensor's parts: the second half of DynamicQuantizeLinear.
//
//   ranges  (least, greatest) of count parts, zero included
//   y       the scale: (greatest - least) / 255, or 1 if they are equal
//   zero    round(-least / scale), halves to even, within 0 to 255
//
// Grid: one workgroup.

struct Params {
  count: u32,
  y_offset: u32,
  zero_offset: u32,
};

@group(0) @binding(0) var<storage, read_write> ranges: array<vec2f>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> zero: array<i32>;
@group(0) @binding(3) var<uniform> params: Params;

// The correctly rounded quotient. Division may be a few units off in WGSL; the rest is computed without error, from
// halves of the factors whose products are exact, and divided once more.
fn divide(a: f32, b: f32) -> f32 {
  let q = a / b;
  let q_high = bitcast<f32>(bitcast<u32>(q) & 0xfffff000u);
  let b_high = bitcast<f32>(bitcast<u32>(b) & 0xfffff000u);
  let q_low = q - q_high;
  let b_low = b - b_high;
  let rest = (((a - q_high * b_high) - q_high * b_low) - q_low * b_high) - q_low * b_low;
  return select(q, q + rest / b, abs(q) < 1e18);
}

@compute @workgroup_size(1)
fn main() {
  var least = 0.0;
  var most = 0.0;
  for (var i = 0u; i < params.count; i++) {
    least = min(least, ranges[i].x);
    most = max(most, ranges[i].y);
  }
  let step = select(divide(most - least, 255.0), 1.0, most == least);
  y[params.y_offset] = step;
  zero[params.zero_offset] = i32(clamp(round(0.0 - divide(least, step)), 0.0, 255.0));
}
