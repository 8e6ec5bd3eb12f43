// The source of a matrix kernel: the bits of its elements, of X_SIZE bytes each, without regard to what they mean.
//
// x       the source's words
// params  x_view: byte offset of pixel (0, 0), bytes a row, rows, columns

@group(0) @binding(2) var<storage, read_write> x: array<u32>;

override X_SIZE: u32 = 1u;
override X_CHANNELS: u32 = 3u;
// X_SIZE * X_CHANNELS, and 4 / X_SIZE.
override X_WORDS: u32 = 3u;
override X_PER_WORD: u32 = 4u;

fn address(px: i32, py: i32) -> u32 {
  return params.x_view.x + u32(py) * params.x_view.y + u32(px) * X_WORDS;
}

// One pixel; channels that there are not are 0.
fn load(px: i32, py: i32) -> vec4u {
  let a = address(px, py);
  let i = a >> 2u;
  let shift = (a & 3u) * 8u;
  var v = vec4u(0u);
  if (X_SIZE == 4u) {
    v.x = x[i];
    if (X_CHANNELS > 1u) {
      v.y = x[i + 1u];
    }
    if (X_CHANNELS > 2u) {
      v.z = x[i + 2u];
    }
    if (X_CHANNELS > 3u) {
      v.w = x[i + 3u];
    }
    return v;
  }
  var low = x[i] >> shift;
  if (X_SIZE == 1u) {
    // Only three channels can straddle two words.
    if (X_CHANNELS == 3u && shift > 8u) {
      low |= x[i + 1u] << (32u - shift);
    }
    v = (vec4u(low) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(255u);
  } else {
    var high = 0u;
    if (X_CHANNELS > 2u) {
      let next = x[i + 1u];
      low |= select(0u, next << 16u, shift > 0u);
      high = next >> shift;
    }
    v = vec4u(low, low >> 16u, high, high >> 16u) & vec4u(65535u);
  }
  return select(vec4u(0u), v, vec4u(0u, 1u, 2u, 3u) < vec4u(X_CHANNELS));
}

// Four pixels next to each other. Those beyond the view are whatever lies there: save() does not take them.
fn load_quad(px: i32, py: i32) -> array<vec4u, 4> {
  let a = address(px, py);
  let i = a >> 2u;
  var words: array<u32, 17>;
  //#unroll w X_WORDS
  for (var w = 0u; w < X_WORDS; w++) {
    words[w] = x[i + w];
  }
  //#end
  if (VIEWS && X_SIZE < 4u) {
    // Quads of two views need not begin at the same byte of a word.
    let shift = (a & 3u) * 8u;
    if (shift > 0u) {
      words[X_WORDS] = x[i + X_WORDS];
      //#unroll w X_WORDS
      for (var w = 0u; w < X_WORDS; w++) {
        words[w] = (words[w] >> shift) | (words[w + 1u] << (32u - shift));
      }
      //#end
    }
  }
  let ones = 0xffffffffu >> (32u - 8u * X_SIZE);
  var v: array<vec4u, 4>;
  //#unroll w X_WORDS
  for (var w = 0u; w < X_WORDS; w++) {
    //#unroll k X_PER_WORD
    for (var k = 0u; k < X_PER_WORD; k++) {
      let e = w * X_PER_WORD + k;
      v[e / X_CHANNELS][e % X_CHANNELS] = (words[w] >> (k * 8u * X_SIZE)) & ones;
    }
    //#end
  }
  //#end
  return v;
}
