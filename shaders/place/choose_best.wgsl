// The k best rows of a query, best first; of equal keys the lower number comes first. One workgroup a query (x).
//
// maxima   the best key of query q and panel p (64 rows) at q * stride / 64 + p, four a vec4u; key 0: nothing to be found
// keys     key of query q and row r at q * stride + r, four a vec4u; of panels whose maximum is 0 they are not read
// scratch  2,048 places a query: the chosen panels (number, unused), from 1,024 on the chosen rows (key, number)
// results  a query: k numbers of rows (-1: none), then the bits of k scores
//
// The k best panels hold the k best rows, because each panel that is better than another has a row that is better than all
// of the other's. So the k-th best panel is found, then the k-th best row of those panels. Both by their digits of eight
// bits from the highest on, whose values are counted (radix selection); where more are equal to the k-th best than there
// are places for, by the digits of their numbers, complemented so that the lower number is the greater.

struct Params {
  // Rows there are, in whole panels.
  rows: u32,
  stride: u32,
  k: u32,
  // What was done to the order of keys: 0xffffffff for distances.
  flip: u32,
  // Bits of the score where there is no row.
  nothing: u32,
};

//#inject lanes
const LANES = 256u;
//#end
const FOUND = 1024u;
const PANELS = 0u;
const ROWS = 1u;

@group(0) @binding(0) var<storage, read> maxima: array<vec4u>;
@group(0) @binding(1) var<storage, read> keys: array<vec4u>;
@group(0) @binding(2) var<storage, read_write> scratch: array<vec2u>;
@group(0) @binding(3) var<storage, read_write> results: array<i32>;
@group(0) @binding(4) var<uniform> params: Params;

// What is chosen of: keys not below this.
struct Choice {
  // The least key.
  key: u32,
  // Of rows with the least key: the least complemented number.
  number: u32,
  left: u32,
  decided: u32,
  done: u32,
};

var<workgroup> bins: array<atomic<u32>, 256>;
var<workgroup> sums: array<u32, 16>;
var<workgroup> choice: Choice;
var<workgroup> chosen: atomic<u32>;
var<workgroup> total: u32;

//#inject numbers
fn number_of(row: u32) -> u32 { return row; }
fn number_of_panel(query: u32, panel: u32, key: u32) -> u32 { return panel; }
//#end

// Keys are taken four at a time: the i-th four of the panels' maxima, or of the rows of the chosen panels.
fn four_at(kind: u32, query: u32, i: u32) -> vec4u {
  if (kind == PANELS) { return maxima[query * params.stride / 256u + i]; }
  return keys[(query * params.stride + row_at(query, i)) / 4u];
}

fn row_at(query: u32, i: u32) -> u32 {
  return scratch[query * 2048u + i / 16u].x * 64u + (i & 15u) * 4u;
}

fn number_at(kind: u32, query: u32, i: u32, j: u32, key: u32) -> u32 {
  if (kind == PANELS) { return number_of_panel(query, i * 4u + j, key); }
  return number_of(row_at(query, i) + j);
}

// Counts a key if it agrees with the digits so far.
fn count(kind: u32, query: u32, i: u32, j: u32, key: u32, now: Choice, digit: u32, shift: u32) {
  var value = key;
  var higher = now.key;
  if (digit >= 4u) {
    if (key != now.key) { return; }
    value = ~number_at(kind, query, i, j, key);
    higher = now.number;
  }
  if (((value ^ higher) & now.decided) == 0u) { atomicAdd(&bins[(value >> shift) & 255u], 1u); }
}

// Finds what the k best are not below. Keys below `least` are left out.
fn choose(kind: u32, query: u32, fours: u32, least: u32, lane: u32) {
  if (lane == 0u) { choice = Choice(0u, 0u, params.k, 0u, 0u); }
  workgroupBarrier();
  for (var digit = 0u; digit < 8u; digit++) {
    let now = workgroupUniformLoad(&choice);
    if (now.done != 0u) { break; }
    for (var i = lane; i < 256u; i += LANES) { atomicStore(&bins[i], 0u); }
    workgroupBarrier();
    let shift = 24u - (digit & 3u) * 8u;
    for (var i = lane; i < fours; i += LANES) {
      let four = four_at(kind, query, i);
      //#unroll j 4
      for (var j = 0u; j < 4u; j++) {
        if (four[j] >= least) { count(kind, query, i, j, four[j], now, digit, shift); }
      }
      //#end
    }
    workgroupBarrier();
    if (lane < 16u) {
      var sum = 0u;
      for (var i = 0u; i < 16u; i++) { sum += atomicLoad(&bins[lane * 16u + i]); }
      sums[lane] = sum;
    }
    workgroupBarrier();
    if (lane == 0u) { choice = next_choice(now, digit, shift, least); }
    workgroupBarrier();
  }
}

fn next_choice(now: Choice, digit: u32, shift: u32, least: u32) -> Choice {
  var left = now.left;
  var share = 15u;
  while (share > 0u && sums[share] < left) {
    left -= sums[share];
    share -= 1u;
  }
  var value = share * 16u + 15u;
  var count = atomicLoad(&bins[value]);
  while ((value & 15u) > 0u && count < left) {
    left -= count;
    value -= 1u;
    count = atomicLoad(&bins[value]);
  }
  if (digit == 0u && count < left) {
    // There are fewer than places.
    return Choice(least, 0u, 0u, 0u, 1u);
  }
  // All that agree with the digits so far find a place.
  let done = select(0u, 1u, count == left);
  let decided = now.decided | (255u << shift);
  if (digit >= 4u) { return Choice(now.key, now.number | (value << shift), left, decided, done); }
  let key = now.key | (value << shift);
  return Choice(select(key, max(key, least), done == 1u), 0u, left, select(decided, 0u, digit == 3u), done);
}

fn is_chosen(kind: u32, query: u32, i: u32, j: u32, key: u32, least: Choice) -> bool {
  if (key < least.key) { return false; }
  if (key > least.key || least.number == 0u) { return true; }
  return ~number_at(kind, query, i, j, key) >= least.number;
}

// How many all invocations have chosen; counts anew afterwards.
fn take_total(lane: u32) -> u32 {
  workgroupBarrier();
  if (lane == 0u) {
    total = atomicLoad(&chosen);
    atomicStore(&chosen, 0u);
  }
  workgroupBarrier();
  return workgroupUniformLoad(&total);
}

@compute @workgroup_size(LANES)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let query = group.x;
  let scratch_start = query * 2048u;
  let panel_fours = (params.rows + 255u) / 256u;
  choose(PANELS, query, panel_fours, 1u, lane);
  let best_panels = workgroupUniformLoad(&choice);
  for (var i = lane; i < panel_fours; i += LANES) {
    let four = four_at(PANELS, query, i);
    //#unroll j 4
    for (var j = 0u; j < 4u; j++) {
      if (is_chosen(PANELS, query, i, j, four[j], best_panels)) {
        scratch[scratch_start + atomicAdd(&chosen, 1u)] = vec2u(i * 4u + j, 0u);
      }
    }
    //#end
  }
  storageBarrier();
  let row_fours = take_total(lane) * 16u;
  choose(ROWS, query, row_fours, best_panels.key, lane);
  let best_rows = workgroupUniformLoad(&choice);
  for (var i = lane; i < row_fours; i += LANES) {
    let four = four_at(ROWS, query, i);
    //#unroll j 4
    for (var j = 0u; j < 4u; j++) {
      if (is_chosen(ROWS, query, i, j, four[j], best_rows)) {
        let place = scratch_start + FOUND + atomicAdd(&chosen, 1u);
        scratch[place] = vec2u(four[j], number_of(row_at(query, i) + j));
      }
    }
    //#end
  }
  storageBarrier();
  let count = take_total(lane);
  let first = scratch_start + FOUND;
  let to = query * params.k * 2u;
  for (var i = lane; i < params.k; i += LANES) {
    if (i >= count) {
      results[to + i] = -1;
      results[to + params.k + i] = bitcast<i32>(params.nothing);
    }
  }
  // A row's place is how many are better. An invocation compares four rows with each other one.
  for (var start = lane * 4u; start < count; start += LANES * 4u) {
    var own = array<vec2u, 4>();
    var places = vec4u(0u);
    //#unroll j 4
    for (var j = 0u; j < 4u; j++) {
      own[j] = scratch[first + min(start + j, count - 1u)];
    }
    //#end
    for (var i = 0u; i < count; i++) {
      let other = scratch[first + i];
      //#unroll j 4
      for (var j = 0u; j < 4u; j++) {
        places[j] += select(0u, 1u, other.x > own[j].x || (other.x == own[j].x && other.y < own[j].y));
      }
      //#end
    }
    //#unroll j 4
    for (var j = 0u; j < 4u; j++) {
      if (start + j < count) {
        let turned = own[j].x ^ params.flip;
        let bits = select(~turned, turned & 0x7fffffffu, turned >= 0x80000000u);
        results[to + places[j]] = i32(own[j].y);
        results[to + params.k + places[j]] = bitcast<i32>(bits);
      }
    }
    //#end
  }
}
