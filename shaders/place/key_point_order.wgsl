// Puts key points in order, by score, of equal scores by pixel, and refines their positions. One invocation eight of them.
//
// kept    (bits of the score, number of the pixel) in no order, two a vec4u; the memory holds eight whole vec4u more or less:
//         its size is a multiple of 8 pairs
// state   how many candidates there were, how many are kept
// heat    [height, width]
// header  four words: how many key points, how many candidates, 0, 0
// points  of each column, row, score; (0, 0) is the middle of the first pixel
//
// With REFINE the peak of a quadratic form through the nine pixels around, by differences (D. Lowe, Distinctive image features
// from scale-invariant keypoints, 2004). Where it is no peak or more than half a pixel away in a direction, each direction
// has its own parabola. Key points in the first and last columns and rows stay.

struct Params {
  width: u32,
  height: u32,
}

override REFINE: bool = true;

@group(0) @binding(0) var<storage, read_write> kept: array<vec4u>;
@group(0) @binding(1) var<storage, read_write> state: array<vec2u>;
@group(0) @binding(2) var<storage, read_write> heat: array<f32>;
@group(0) @binding(3) var<storage, read_write> header: array<vec4u>;
@group(0) @binding(4) var<storage, read_write> points: array<f32>;
@group(0) @binding(5) var<uniform> params: Params;

fn better(a: vec2u, b: vec2u) -> u32 {
  return select(0u, 1u, a.x > b.x || (a.x == b.x && a.y < b.y));
}

fn parabola(slope: f32, bend: f32) -> f32 {
  return select(0.0, clamp(-slope / bend, -0.5, 0.5), bend < 0.0);
}

fn peak(pixel: u32, x: u32, y: u32) -> vec2f {
  if (!REFINE || x == 0u || y == 0u || x + 1u == params.width || y + 1u == params.height) { return vec2f(0.0); }
  let up = pixel - params.width;
  let down = pixel + params.width;
  let middle = 2.0 * heat[pixel];
  let slope = 0.5 * vec2f(heat[pixel + 1u] - heat[pixel - 1u], heat[down] - heat[up]);
  let bend = vec2f(heat[pixel + 1u] + heat[pixel - 1u] - middle, heat[down] + heat[up] - middle);
  let twist = 0.25 * (heat[down + 1u] - heat[down - 1u] - heat[up + 1u] + heat[up - 1u]);
  let size = bend.x * bend.y - twist * twist;
  let step = (twist * slope.yx - bend.yx * slope) / size;
  if (bend.x < 0.0 && size > 0.0 && all(abs(step) <= vec2f(0.5))) { return step; }
  return vec2f(parabola(slope.x, bend.x), parabola(slope.y, bend.y));
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let counts = state[0];
  let first = (group.x * 64u + lane) * 8u;
  if (first == 0u) { header[0] = vec4u(counts.y, counts.x, 0u, 0u); }
  if (first >= counts.y) { return; }
  var own: array<vec2u, 8>;
  var ranks: array<u32, 8>;
  //#unroll i 4
  for (var i = 0u; i < 4u; i++) {
    let two = kept[first / 2u + i];
    own[2u * i] = two.xy;
    own[2u * i + 1u] = two.zw;
  }
  //#end
  for (var j = 0u; j < counts.y; j += 2u) {
    let two = kept[j / 2u];
    let last = j + 1u == counts.y;
    // A key that is better than none.
    let second = select(two.zw, vec2u(0u, 0xffffffffu), last);
    //#unroll i 8
    for (var i = 0u; i < 8u; i++) {
      ranks[i] += better(two.xy, own[i]) + better(second, own[i]);
    }
    //#end
  }
  //#unroll i 8
  for (var i = 0u; i < 8u; i++) {
    if (first + i < counts.y) {
      let pixel = own[i].y;
      let x = pixel % params.width;
      let y = pixel / params.width;
      let place = vec2f(f32(x), f32(y)) + peak(pixel, x, y);
      points[3u * ranks[i]] = place.x;
      points[3u * ranks[i] + 1u] = place.y;
      points[3u * ranks[i] + 2u] = bitcast<f32>(own[i].x);
    }
  }
  //#end
}
