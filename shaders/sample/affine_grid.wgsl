// The grid of positions that an affine map gives (AffineGrid), one position an invocation.
//
//   y[n, (d,) h, w, :] = theta[n] * (w, h, (d,) 1), the coordinates from -1 to 1 over the output
//
// theta: dense [N, RANK, RANK + 1]; y: dense [N, (D,) H, W, RANK], RANK 2 or 3; offsets in elements. ALIGN: -1 and 1 are
// the centres of the corner elements (a single one is at 1), else the edges.
//
// Grid: `count` = N * D * H * W invocations.

struct Params {
  count: u32,
  d: u32,
  h: u32,
  w: u32,
  theta_offset: u32,
  y_offset: u32,
};

@group(0) @binding(0) var<storage, read_write> theta: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

override RANK: u32 = 2u;
override ALIGN: bool = false;

fn coordinate(at: u32, extent: u32) -> f32 {
  if (ALIGN) { return select(-1.0 + f32(at) * 2.0 / f32(max(extent, 2u) - 1u), 1.0, extent == 1u); }
  return (2.0 * f32(at) + 1.0) / f32(extent) - 1.0;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  let column = index % params.w;
  let row = (index / params.w) % params.h;
  let slice = (index / (params.w * params.h)) % params.d;
  let image = index / (params.w * params.h * params.d);
  let at = vec3f(coordinate(column, params.w), coordinate(row, params.h), coordinate(slice, params.d));
  for (var i = 0u; i < RANK; i++) {
    let line = params.theta_offset + (image * RANK + i) * (RANK + 1u);
    var value = theta[line] * at.x + theta[line + 1u] * at.y + theta[line + RANK];
    if (RANK == 3u) { value += theta[line + 2u] * at.z; }
    y[params.y_offset + index * RANK + i] = value;
  }
}
