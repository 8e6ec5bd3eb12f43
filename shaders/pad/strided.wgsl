// Pads or crops a tensor of up to 8 dimensions, between any two strided views.
//
//   y[i0, i1, ...] = x[source(i0), source(i1), ...], or the fill where a dimension has no source
//
// x begins at `begins` inside y and has the extents x_extents; x_offset is where it begins, so cropping is a change of
// offset and extent. MODE: 0 fills, 1 repeats the border, 2 mirrors at the border's elements, 3 repeats the whole.
//
// Grid: the elements of y (`count`), the last dimension fastest. Strides and offsets count elements and may be negative.

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

struct Params {
  count: u32,
  rank: u32,
  x_offset: i32,
  y_offset: i32,
  fill_offset: u32,
  fill: scalar,
  extents: array<vec4u, 2>,
  x_extents: array<vec4i, 2>,
  begins: array<vec4i, 2>,
  x_strides: array<vec4i, 2>,
  y_strides: array<vec4i, 2>,
};

@group(0) @binding(0) var<storage, read_write> x: array<scalar>;
@group(0) @binding(1) var<storage, read_write> y: array<scalar>;
@group(0) @binding(2) var<uniform> params: Params;

override MODE: u32 = 0u;

//#inject fill
fn fill_value() -> scalar { return params.fill; }
//#end

// Where position `at` of a dimension of `extent` elements is taken from; -1: nowhere.
fn source(at: i32, extent: i32) -> i32 {
  if (at >= 0 && at < extent) { return at; }
  if (MODE == 1u) { return clamp(at, 0, extent - 1); }
  if (MODE == 2u) { return select(2 * (extent - 1) - at, -at, at < 0); }
  if (MODE == 3u) { return ((at % extent) + extent) % extent; }
  return -1;
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  var rest = (group.y * groups.x + group.x) * 64u + local;
  if (rest >= params.count) { return; }
  var from_index = params.x_offset;
  var to_index = params.y_offset;
  var inside = true;
  for (var i = params.rank; i > 0u; i--) {
    let axis = i - 1u;
    let extent = params.extents[axis / 4u][axis % 4u];
    let at = i32(rest % extent);
    rest = rest / extent;
    let from_at = source(at - params.begins[axis / 4u][axis % 4u], params.x_extents[axis / 4u][axis % 4u]);
    inside = inside && from_at >= 0;
    from_index += from_at * params.x_strides[axis / 4u][axis % 4u];
    to_index += at * params.y_strides[axis / 4u][axis % 4u];
  }
  var value = scalar();
  if (inside) {
    value = x[from_index];
  } else {
    value = fill_value();
  }
  y[to_index] = value;
}
