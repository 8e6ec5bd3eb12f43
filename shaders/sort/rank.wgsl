// Sorts chunks of rows by counting: the first step of a sort, largest first, equal elements in their order.
//
// Each element counts the elements of its chunk that go before it, and that is its place: one invocation an element, no
// barriers. Elements are compared by a key, a whole number that orders as they do (turned round for SMALLEST); NaN goes
// before all. x is linear: rows of `extent` elements, each in `runs` chunks of `chunk` elements, the last one shorter.
// Of each chunk the first `capacity` are kept: keys and indices [rows, runs, capacity], linear; offsets in elements.
//
// Grid: the elements of x (`count`). Chunks are shorter than 65,535 (llvmpipe).

//#inject types
alias scalar = f32;
alias vec = vec4f;
//#end

struct Params {
  count: u32,
  extent: u32,
  chunk: u32,
  runs: u32,
  capacity: u32,
  x_offset: u32,
  indices_offset: u32,
};

@group(0) @binding(0) var<storage, read_write> x: array<scalar>;
@group(0) @binding(1) var<storage, read_write> keys: array<i32>;
@group(0) @binding(2) var<storage, read_write> indices: array<i32>;
@group(0) @binding(3) var<uniform> params: Params;

override SMALLEST: bool = false;

//#inject order
fn order(value: f32) -> i32 {
  // Both zeros are equal.
  let bits = bitcast<i32>(select(value, 0.0, value == 0.0));
  return bits ^ ((bits >> 31u) & 0x7fffffff);
}
//#end

fn key_of(value: scalar) -> i32 {
  let key = order(value);
  return select(key, ~key, SMALLEST);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  let row = index / params.extent;
  let own = index - row * params.extent;
  let run = own / params.chunk;
  let start = run * params.chunk;
  let end = min(start + params.chunk, params.extent);
  let key = key_of(x[params.x_offset + index]);
  var place = 0u;
  for (var i = start; i < end; i++) {
    let other = key_of(x[params.x_offset + row * params.extent + i]);
    if (other > key || (other == key && i < own)) { place++; }
  }
  if (place < params.capacity) {
    let to = (row * params.runs + run) * params.capacity + place;
    keys[to] = key;
    indices[params.indices_offset + to] = i32(own);
  }
}
