// The bytes of a grey image to words, the form of all levels of the pyramid.
//
// image    bytes, row after row, `params.step` words from one row to the next
// pyramid  a word a pixel; level 0 comes first; rows are padded by their last pixel to a multiple of four

struct Params {
  width: u32,
  height: u32,
  step: u32,
}

@group(0) @binding(0) var<storage, read_write> image: array<u32>;
@group(0) @binding(1) var<storage, read_write> pyramid: array<u32>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  let stride = (params.width + 3u) & ~3u;
  if (id.x * 4u >= stride) { return; }
  let word = image[id.y * params.step + id.x];
  for (var i = 0u; i < 4u; i++) {
    let x = id.x * 4u + i;
    // The last pixel is in the same word.
    let at = min(x, params.width - 1u) % 4u;
    pyramid[id.y * stride + x] = (word >> (8u * at)) & 255u;
  }
}
