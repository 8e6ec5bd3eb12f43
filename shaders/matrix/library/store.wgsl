// The destination of a matrix kernel. An invocation owns one quad: four pixels next to each other, which begin at a
// whole word of the allocation, and so whole words, whatever the view; no other invocation touches them.
//
// y       the destination's words; the elements of a pixel one after the other, of Y_SIZE bytes each
// params  y_view: byte offset of pixel (0, 0), bytes a row, rows, columns
//         y_quads: columns of the first quad that lie before the view, quads a row, quads in all, word of the first quad
//
// With VIEWS, quads may be written in part (a region of interest, a mask), and bytes of other pixels are kept.

@group(0) @binding(0) var<storage, read_write> y: array<u32>;
@group(0) @binding(1) var<uniform> params: Params;

override VIEWS: bool = true;
override Y_SIZE: u32 = 1u;
override Y_CHANNELS: u32 = 3u;
// Y_SIZE * Y_CHANNELS, and 4 / Y_SIZE.
override Y_WORDS: u32 = 3u;
override Y_PER_WORD: u32 = 4u;

struct Quad {
  // Column of the first pixel, negative where the quad begins before the view; row.
  px: i32,
  py: i32,
  word: u32,
  exists: bool,
}

fn quad_at(group: vec3u, groups: vec3u, local: u32) -> Quad {
  let index = (group.y * groups.x + group.x) * 64u + local;
  let row = index / params.y_quads.y;
  let column = index % params.y_quads.y;
  let word = params.y_quads.w + row * (params.y_view.y >> 2u) + column * Y_WORDS;
  return Quad(i32(column * 4u) - i32(params.y_quads.x), i32(row), word, index < params.y_quads.z);
}

// Which pixels of a quad lie in the view.
fn inside(quad: Quad) -> vec4<bool> {
  let px = vec4i(quad.px) + vec4i(0, 1, 2, 3);
  return (px >= vec4i(0)) & (px < vec4i(i32(params.y_view.w)));
}

// Writes the elements' bits, which fill no more than Y_SIZE bytes each, of the pixels that are chosen.
fn save(quad: Quad, pixels: array<vec4u, 4>, chosen: vec4<bool>) {
  var v = pixels;
  let ones = 0xffffffffu >> (32u - 8u * Y_SIZE);
  //#unroll w Y_WORDS
  for (var w = 0u; w < Y_WORDS; w++) {
    var bits = 0u;
    var kept = 0u;
    //#unroll k Y_PER_WORD
    for (var k = 0u; k < Y_PER_WORD; k++) {
      let e = w * Y_PER_WORD + k;
      let shift = k * 8u * Y_SIZE;
      bits |= v[e / Y_CHANNELS][e % Y_CHANNELS] << shift;
      kept |= select(ones << shift, 0u, chosen[e / Y_CHANNELS]);
    }
    //#end
    let at = quad.word + w;
    if (VIEWS) {
      if (kept != 0u) {
        bits = (bits & ~kept) | (y[at] & kept);
      }
    }
    y[at] = bits;
  }
  //#end
}
