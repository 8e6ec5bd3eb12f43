// Merges sorted runs two by two: a further step of a sort, largest key first, equal ones in their order.
//
// Each element finds by halving how many of the neighbouring run go before it, and that and its own place is its new place:
// one invocation an element, no barriers. The source has rows of `runs` runs, each with room for `capacity` elements, that
// came of `span` elements of the `extent` of a row; so a run holds min(capacity, what is left of the row). Of the merged
// runs, half as many, the first `merged_capacity` elements are kept. All are linear; the sources begin at offset 0.
//
// Grid: rows * runs * capacity (`count`).

struct Params {
  count: u32,
  extent: u32,
  span: u32,
  runs: u32,
  capacity: u32,
  merged_runs: u32,
  merged_capacity: u32,
  indices_offset: u32,
};

@group(0) @binding(0) var<storage, read_write> source_keys: array<i32>;
@group(0) @binding(1) var<storage, read_write> source_indices: array<i32>;
@group(0) @binding(2) var<storage, read_write> keys: array<i32>;
@group(0) @binding(3) var<storage, read_write> indices: array<i32>;
@group(0) @binding(4) var<uniform> params: Params;

fn length_of(run: u32) -> u32 {
  if (run >= params.runs) { return 0u; }
  return min(params.capacity, params.extent - run * params.span);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  let number = index / params.capacity;
  let own = index - number * params.capacity;
  let row = number / params.runs;
  let run = number - row * params.runs;
  if (own >= length_of(run)) { return; }
  let neighbour = run ^ 1u;
  let key = source_keys[index];
  let start = (row * params.runs + neighbour) * params.capacity;
  var low = 0u;
  var high = length_of(neighbour);
  while (low < high) {
    let middle = (low + high) / 2u;
    let other = source_keys[start + middle];
    // Equal elements of an earlier run go before.
    if (other > key || (other == key && neighbour < run)) {
      low = middle + 1u;
    } else {
      high = middle;
    }
  }
  let place = own + low;
  if (place < params.merged_capacity) {
    let to = (row * params.merged_runs + run / 2u) * params.merged_capacity + place;
    keys[to] = key;
    indices[params.indices_offset + to] = source_indices[index];
  }
}
