// Where the largest (or smallest) element of each row is: ArgMax and ArgMin. LANES invocations share one row.
//
//   y[o] = the i for which x[x_offset + o . outer_strides + i * stride] is largest, the first or LAST one of equal ones
//
// y is linear. Outer dimensions: up to 8, the last one fastest. Strides count elements and may be negative.
//
// Grid: ceil(count / (WG / LANES)) workgroups. Limit: ceil(extent / LANES) + outer_rank + log2(LANES) iterations must stay
// under 65,535 (llvmpipe).

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

struct Params {
  count: u32,
  extent: u32,
  stride: i32,
  outer_rank: u32,
  x_offset: i32,
  y_offset: u32,
  outer_extents: array<vec4u, 2>,
  outer_strides: array<vec4i, 2>,
};

@group(0) @binding(0) var<storage, read_write> x: array<scalar>;
@group(0) @binding(1) var<storage, read_write> y: array<i32>;
@group(0) @binding(2) var<uniform> params: Params;

override WG: u32 = 64u;
override LANES: u32 = 1u;
override SMALLEST: bool = false;
override LAST: bool = false;

const NOWHERE = -1;

var<workgroup> best_value: array<scalar, WG>;
var<workgroup> best_index: array<i32, WG>;

fn better(value: scalar, index: i32, than: scalar, than_index: i32) -> bool {
  if (index == NOWHERE) { return false; }
  if (than_index == NOWHERE) { return true; }
  if (value == than) { return (index > than_index) == LAST; }
  return (value < than) == SMALLEST;
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = (group.y * groups.x + group.x) * (WG / LANES) + local / LANES;
  let lane = local % LANES;
  var source = params.x_offset;
  var rest = row;
  for (var i = params.outer_rank; i > 0u; i--) {
    let axis = i - 1u;
    let extent = params.outer_extents[axis / 4u][axis % 4u];
    source += i32(rest % extent) * params.outer_strides[axis / 4u][axis % 4u];
    rest = rest / extent;
  }
  var own_value = scalar(0);
  var own_index = NOWHERE;
  let end = select(0u, params.extent, row < params.count);
  for (var i = lane; i < end; i += LANES) {
    let value = x[source + i32(i) * params.stride];
    if (better(value, i32(i), own_value, own_index)) {
      own_value = value;
      own_index = i32(i);
    }
  }
  best_value[local] = own_value;
  best_index[local] = own_index;
  for (var half = LANES / 2u; half > 0u; half = half / 2u) {
    workgroupBarrier();
    if (lane < half) {
      let other = local + half;
      if (better(best_value[other], best_index[other], best_value[local], best_index[local])) {
        best_value[local] = best_value[other];
        best_index[local] = best_index[other];
      }
    }
  }
  if (lane == 0u && row < params.count) {
    y[params.y_offset + row] = best_index[local];
  }
}
