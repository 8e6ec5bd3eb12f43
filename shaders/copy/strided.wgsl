// Copies a tensor of up to 8 dimensions between any two strided views: what transposes, slices, concatenates, expands
// and changes layout where no view can say it.
//
// An invocation copies a run of RUN elements along one dimension, so that the index arithmetic (divisions) is shared by
// them. Neighbouring invocations take neighbouring elements along the inner dimension, the one that lies densest in y;
// where all of these fill whole vec4s of y, LANES is 4 and four of them are stored at once, which is what is injected as "store" then.
//
// Grid: `count` = inner_extent / LANES * ceil(run.extent / RUN) * the other extents. The others are listed from the outermost;
// OUTER of them (up to 6). Source elements outside x_extent (padding lanes of y, or the border of a Pad in constant
// mode) are written as `fill`; `begin` is where x begins in y. Strides and offsets count elements and may be negative.

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

struct Params {
  count: u32,
  x_offset: i32,
  y_offset: i32,
  fill: scalar,
  inner_extent: u32,
  inner_x_extent: u32,
  inner_begin: i32,
  inner_x_stride: i32,
  inner_y_stride: i32,
  run_extent: u32,
  run_x_extent: u32,
  run_begin: i32,
  run_x_stride: i32,
  run_y_stride: i32,
  extents: array<vec4u, 2>,
  x_extents: array<vec4u, 2>,
  begins: array<vec4i, 2>,
  x_strides: array<vec4i, 2>,
  y_strides: array<vec4i, 2>,
};

@group(0) @binding(0) var<storage, read_write> x: array<scalar>;
@group(0) @binding(2) var<uniform> params: Params;

//#inject store
@group(0) @binding(1) var<storage, read_write> y: array<scalar>;
fn store(at: i32, value: vec) {
  y[at] = value.x;
}
//#end

override RUN: u32 = 4u;
override LANES: u32 = 1u;
override OUTER: u32 = 6u;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  let inner_groups = params.inner_extent / LANES;
  var rest = index / inner_groups;
  let inner = i32((index - rest * inner_groups) * LANES);
  let inner_source = inner - params.inner_begin;
  let blocks = (params.run_extent + RUN - 1u) / RUN;
  let runs = rest;
  rest = rest / blocks;
  let first = (runs - rest * blocks) * RUN;
  let run_source = i32(first) - params.run_begin;
  var inside = true;
  var from_index = params.x_offset + inner_source * params.inner_x_stride + run_source * params.run_x_stride;
  var to_index = params.y_offset + inner * params.inner_y_stride + i32(first) * params.run_y_stride;
  //#unroll i OUTER
  for (var i = 0u; i < OUTER; i++) {
    let axis = OUTER - 1u - i;
    let whole = rest;
    rest = rest / params.extents[axis / 4u][axis % 4u];
    let at = i32(whole - rest * params.extents[axis / 4u][axis % 4u]);
    let source = at - params.begins[axis / 4u][axis % 4u];
    inside = inside && source >= 0 && source < i32(params.x_extents[axis / 4u][axis % 4u]);
    from_index += source * params.x_strides[axis / 4u][axis % 4u];
    to_index += at * params.y_strides[axis / 4u][axis % 4u];
  }
  //#end
  // Before any store: Mesa's software Vulkan reads parameters anew behind one.
  let inner_x_extent = i32(params.inner_x_extent);
  let inner_x_stride = params.inner_x_stride;
  let run_extent = params.run_extent;
  let run_x_extent = i32(params.run_x_extent);
  let run_x_stride = params.run_x_stride;
  let run_y_stride = params.run_y_stride;
  let fill = params.fill;
  //#unroll k RUN
  for (var k = 0u; k < RUN; k++) {
    if (first + k < run_extent) {
      let source = run_source + i32(k);
      let row_covered = inside && source >= 0 && source < run_x_extent;
      let row = from_index + i32(k) * run_x_stride;
      var value = vec(fill);
      //#unroll j LANES
      for (var j = 0u; j < LANES; j++) {
        let lane_source = inner_source + i32(j);
        let covered = row_covered && lane_source >= 0 && lane_source < inner_x_extent;
        // Read what is there either way: one load without a branch of its own.
        value[j] = select(fill, x[select(0, row + i32(j) * inner_x_stride, covered)], covered);
      }
      //#end
      store(to_index + i32(k) * run_y_stride, value);
    }
  }
  //#end
}
