// The upper or lower triangle of matrices, and zeros: Trilu.
//
//   y[m, r, c] = x[m, r, c] where c - r >= diagonal (UPPER) or c - r <= diagonal, else 0
//
// Both are linear. Grid: the elements of y (`count`).

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

struct Params {
  count: u32,
  rows: u32,
  columns: u32,
  diagonal: i32,
  x_offset: u32,
  y_offset: u32,
};

@group(0) @binding(0) var<storage, read_write> x: array<scalar>;
@group(0) @binding(1) var<storage, read_write> y: array<scalar>;
@group(0) @binding(2) var<uniform> params: Params;

override UPPER: bool = true;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  let line = index / params.columns;
  let diagonal = i32(index % params.columns) - i32(line % params.rows);
  let kept = select(diagonal <= params.diagonal, diagonal >= params.diagonal, UPPER);
  y[params.y_offset + index] = select(scalar(0), x[params.x_offset + index], kept);
}
