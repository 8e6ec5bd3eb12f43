// Scale and shift of OpenCV's normalize, from what reduce found.
//
// partial  a vec4f a workgroup of reduce: least, greatest, sum of magnitudes, sum of squares
// factors  scale, shift
// params   count: how many there are; kind: 0 minmax, 1 largest magnitude, 2 sum of magnitudes, 3 root of the sum of squares;
//          range: where least and greatest go, or the norm that is wanted and 0

struct Params {
  count: u32,
  kind: u32,
  range: vec2f,
}

@group(0) @binding(0) var<storage, read_write> partial: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> factors: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(1)
fn main() {
  var sum = partial[0];
  for (var i = 1u; i < params.count; i++) {
    let next = partial[i];
    sum = vec4f(min(sum.x, next.x), max(sum.y, next.y), sum.zw + next.zw);
  }
  var scale = 0.0;
  var shift = 0.0;
  if (params.kind == 0u) {
    let extent = sum.y - sum.x;
    if (extent > 2.220446e-16) {
      scale = (params.range.y - params.range.x) / extent;
    }
    shift = params.range.x - sum.x * scale;
  } else {
    var norm = max(abs(sum.x), abs(sum.y));
    if (params.kind == 2u) {
      norm = sum.z;
    } else if (params.kind == 3u) {
      norm = sqrt(sum.w);
    }
    if (norm > 2.220446e-16) {
      scale = params.range.x / norm;
    }
  }
  factors[0] = scale;
  factors[1] = shift;
}
