// Descriptors at key points: interpolated between those of cells, each of unit length, and of unit length again. LANES
// invocations a key point.
//
// header   [0]: how many key points there are
// points   of each column, row, score
// cells    of each cell its descriptor, `params.width` vec4f
// inverse  of each cell 1 / length of its descriptor
// rows     of each key point its descriptor; a descriptor without length is zero
//
// With CUBIC over 4 x 4 cells by R. Keys's kernel (Cubic convolution interpolation for digital image processing, 1981) with
// a = -0.75, otherwise bilinear. Cells beyond the edges are zero, as grid_sample has them.

struct Params {
  columns: u32,
  rows: u32,
  // vec4f of a descriptor.
  width: u32,
  // Most key points.
  most: u32,
  // A position among the cells is the pixel's times `scale` plus `shift`.
  scale: vec2f,
  shift: vec2f,
}

override CUBIC: bool = true;
// A power of two up to 64, a quarter of the width or more.
override LANES: u32 = 4u;

@group(0) @binding(0) var<storage, read_write> header: array<u32>;
@group(0) @binding(1) var<storage, read_write> points: array<f32>;
@group(0) @binding(2) var<storage, read_write> cells: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> inverse: array<f32>;
@group(0) @binding(4) var<storage, read_write> rows: array<vec4f>;
@group(0) @binding(5) var<uniform> params: Params;

var<workgroup> sums: array<f32, 64>;

// Weights of the cells at -1, 0, 1 and 2.
fn weights(t: f32) -> vec4f {
  if (!CUBIC) { return vec4f(0.0, 1.0 - t, t, 0.0); }
  let d = vec4f(1.0 + t, t, 1.0 - t, 2.0 - t);
  let inner = (1.25 * d - 2.25) * d * d + 1.0;
  let outer = ((-0.75 * d + 3.75) * d - 6.0) * d + 3.0;
  return vec4f(outer.x, inner.yz, outer.w);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let point = (group.y * groups.x + group.x) * (64u / LANES) + lane / LANES;
  let part = lane % LANES;
  let there = point < min(header[0], params.most);
  var total: array<vec4f, 4>;
  var sum = 0.0;
  if (there) {
    let place = vec2f(points[3u * point], points[3u * point + 1u]) * params.scale + params.shift;
    let corner = floor(place);
    let across = weights(place.x - corner.x);
    let down = weights(place.y - corner.y);
    for (var v = 0; v < 4; v++) {
      for (var u = 0; u < 4; u++) {
        let at = vec2i(corner) + vec2i(u, v) - 1;
        let weight = across[u] * down[v];
        if (weight == 0.0 || any(at < vec2i(0)) || at.x >= i32(params.columns) || at.y >= i32(params.rows)) { continue; }
        let cell = u32(at.y) * params.columns + u32(at.x);
        let share = weight * inverse[cell];
        //#unroll i 4
        for (var i = 0u; i < 4u; i++) {
          if (part + i * LANES < params.width) {
            total[i] += share * cells[cell * params.width + part + i * LANES];
          }
        }
        //#end
      }
    }
    //#unroll i 4
    for (var i = 0u; i < 4u; i++) {
      sum += dot(total[i], total[i]);
    }
    //#end
  }
  sums[lane] = sum;
  workgroupBarrier();
  for (var half = LANES / 2u; half > 0u; half /= 2u) {
    if (part < half) { sums[lane] += sums[lane + half]; }
    workgroupBarrier();
  }
  if (!there) { return; }
  let length = sqrt(sums[lane - part]);
  let scale = select(0.0, 1.0 / length, length > 0.0);
  //#unroll i 4
  for (var i = 0u; i < 4u; i++) {
    if (part + i * LANES < params.width) {
      rows[point * params.width + part + i * LANES] = total[i] * scale;
    }
  }
  //#end
}
