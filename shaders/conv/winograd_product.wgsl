// Winograd convolution, second of three steps: one product of matrices for each position in a tile. Each invocation computes P
// tiles x Q output channel groups (vec4) in registers.
//
//   y[position, co, tile] = sum over ci of x[position, ci, tile] * w[position, co, ci]
//
// Lavin and Gray, Fast Algorithms for Convolutional Neural Networks, 2015 (arXiv:1509.09308), section 4.1.
//
// Weights are taken for one output channel group at a time. What is injected as "load" may take them for several (AT_ONCE) with
// one load by each of eight invocations, and pass them round by subgroup broadcast: see implicit_gemm.wgsl. What is injected
// as "weights" may read a texture.
//
//   x        vec4: element (position, ci4, tile) at (position * in_c4 + ci4) * tiles + tile
//   weights  vec4 over output channels, in the order in which an invocation takes them: element (position, co4, ci) at
//            (((position * channel_blocks + co4 / Q) * in_c4 + ci / 4) * Q + co4 % Q) * 4 + ci % 4, zeros where there is no
//            channel
//   y        as x, with out_c4 in place of in_c4
//
// Grid: ceil(tiles / (WG * P)) * channel_blocks * positions workgroups, folded into (x, y). channel_blocks = ceil(out_c4 / Q),
// BLOCKS = Q / AT_ONCE. Limit: in_c4 iterations must stay under 65,535 (llvmpipe).

struct Params {
  tiles: u32,
  in_c4: u32,
  out_c4: u32,
  positions: u32,
}

@group(0) @binding(0) var<storage, read_write> x: array<vec4f>;
//#inject weights
@group(0) @binding(1) var<storage, read> weights: array<vec4f>;
fn weight(at: u32) -> vec4f {
  return weights[at];
}
//#end
@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
@group(0) @binding(3) var<uniform> params: Params;

override WG: u32 = 16u;

//#inject tile
const P = 2u;
const Q = 4u;
const AT_ONCE = 1u;
const BLOCKS = 4u;
//#end

// The sum with four channels of an input, each times its weights. A function keeps unrolled text short: compilers front to back
// take longer than in proportion to it.
fn accumulate(sum: vec4f, v: vec4f, w0: vec4f, w1: vec4f, w2: vec4f, w3: vec4f) -> vec4f {
  return fma(vec4f(v.w), w3, fma(vec4f(v.z), w2, fma(vec4f(v.y), w1, fma(vec4f(v.x), w0, sum))));
}

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) local: u32,
  //#inject builtins
  //#end
) {
  let tile_blocks = (params.tiles + WG * P - 1u) / (WG * P);
  let channel_blocks = (params.out_c4 + Q - 1u) / Q;
  let place = group.y * grid.x + group.x;
  let product = place / tile_blocks;
  if (product >= channel_blocks * params.positions) {
    return;
  }
  let position = product / channel_blocks;
  let channel_block = product - position * channel_blocks;
  let first_tile = (place - product * tile_blocks) * WG * P + local;

  // Invocations past the end compute the last tile again and store nothing.
  var from_x: array<u32, P>;
  //#unroll t P
  for (var t = 0u; t < P; t++) {
    from_x[t] = position * params.in_c4 * params.tiles + min(first_tile + t * WG, params.tiles - 1u);
  }
  //#end

  var acc: array<vec4f, P * Q>;
  for (var ci4 = 0u; ci4 < params.in_c4; ci4++) {
    var v: array<vec4f, P>;
    //#unroll t P
    for (var t = 0u; t < P; t++) {
      v[t] = x[from_x[t] + ci4 * params.tiles];
    }
    //#end
    let row_at = (product * params.in_c4 + ci4) * Q * 4u;
    //#unroll part BLOCKS
    for (var part = 0u; part < BLOCKS; part++) {
      let at = row_at + part * AT_ONCE * 4u;
      //#inject load
      var taken = array<vec4f, 4>(weight(at), weight(at + 1u), weight(at + 2u), weight(at + 3u));
      //#end
      //#unroll r AT_ONCE
      for (var r = 0u; r < AT_ONCE; r++) {
        let w0 = taken[4u * r];
        let w1 = taken[4u * r + 1u];
        let w2 = taken[4u * r + 2u];
        let w3 = taken[4u * r + 3u];
        //#unroll t P
        for (var t = 0u; t < P; t++) {
          acc[t * Q + part * AT_ONCE + r] = accumulate(acc[t * Q + part * AT_ONCE + r], v[t], w0, w1, w2, w3);
        }
        //#end
      }
      //#end
    }
    //#end
  }

  //#unroll t P
  for (var t = 0u; t < P; t++) {
    let tile = first_tile + t * WG;
    let first_c4 = channel_block * Q;
    if (tile < params.tiles) {
      let to = (position * params.out_c4 + first_c4) * params.tiles + tile;
      //#unroll q Q
      for (var q = 0u; q < Q; q++) {
        if (first_c4 + q < params.out_c4) {
          y[to + q * params.tiles] = acc[t * Q + q];
        }
      }
      //#end
    }
  }
  //#end
}
