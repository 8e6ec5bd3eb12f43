// Reduces any dimensions of any strided view; LANES invocations share one result.
//
//   y[o] = finish(combine over i of term(x[x_offset + o . outer_strides + i . inner_strides], shift))
//
// y is linear. Outer and inner dimensions: up to 8 each, the last one fastest. Strides count elements.
// What is combined, and how, is injected; an empty row gives `identity`, combined with nothing. With SHIFTED each row is
// read twice: `shift` is its largest value, or 0 where that is infinite, and `finish` gets it back.
//
// Grid: ceil(count / (WG / LANES)) workgroups. Limit: (SHIFTED ? 2 : 1) * ceil(inner_count / LANES) * (inner_rank + 1) +
// outer_rank + 2 * log2(LANES) iterations must stay under 65,535 (llvmpipe).

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

//#inject total
alias total_t = f32;
//#end

struct Params {
  count: u32,
  inner_count: u32,
  outer_rank: u32,
  inner_rank: u32,
  x_offset: i32,
  y_offset: u32,
  identity: total_t,
  outer_extents: array<vec4u, 2>,
  outer_strides: array<vec4i, 2>,
  inner_extents: array<vec4u, 2>,
  inner_strides: array<vec4i, 2>,
};

@group(0) @binding(0) var<storage, read_write> x: array<scalar>;
@group(0) @binding(1) var<storage, read_write> y: array<scalar>;
@group(0) @binding(2) var<uniform> params: Params;

override WG: u32 = 64u;
override LANES: u32 = 1u;
override SHIFTED: bool = false;

const LARGEST = 3.4028234663852886e38;

var<workgroup> partial: array<total_t, WG>;
var<workgroup> shifts: array<f32, WG>;

//#inject functions
fn term(value: scalar, shift: f32) -> total_t { return value; }
fn combine(a: total_t, b: total_t) -> total_t { return a + b; }
fn finish(value: total_t, shift: f32) -> scalar { return value; }
//#end

fn inner_offset(index: u32) -> i32 {
  var rest = index;
  var offset = 0;
  for (var i = params.inner_rank; i > 0u; i--) {
    let axis = i - 1u;
    let extent = params.inner_extents[axis / 4u][axis % 4u];
    offset += i32(rest % extent) * params.inner_strides[axis / 4u][axis % 4u];
    rest = rest / extent;
  }
  return offset;
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * (WG / LANES) + local / LANES;
  let lane = local % LANES;
  var source = params.x_offset;
  var rest = index;
  for (var i = params.outer_rank; i > 0u; i--) {
    let axis = i - 1u;
    let extent = params.outer_extents[axis / 4u][axis % 4u];
    source += i32(rest % extent) * params.outer_strides[axis / 4u][axis % 4u];
    rest = rest / extent;
  }
  let end = select(0u, params.inner_count, index < params.count);
  var shift = 0.0;
  if (SHIFTED) {
    var largest = -LARGEST;
    for (var i = lane; i < end; i += LANES) { largest = max(largest, f32(x[source + inner_offset(i)])); }
    shifts[local] = largest;
    for (var half = LANES / 2u; half > 0u; half = half / 2u) {
      workgroupBarrier();
      if (lane < half) { shifts[local] = max(shifts[local], shifts[local + half]); }
    }
    workgroupBarrier();
    largest = shifts[local - lane];
    shift = select(0.0, largest, abs(largest) < LARGEST);
  }
  var total = params.identity;
  for (var i = lane; i < end; i += LANES) {
    total = combine(total, term(x[source + inner_offset(i)], shift));
  }
  partial[local] = total;
  for (var half = LANES / 2u; half > 0u; half = half / 2u) {
    workgroupBarrier();
    if (lane < half) { partial[local] = combine(partial[local], partial[local + half]); }
  }
  if (lane == 0u && index < params.count) {
    y[params.y_offset + index] = finish(partial[local], shift);
  }
}
