// Scores of pixels from the logits of cells of 8 x 8 pixels: softmax over 65 channels, of which the last stands for no key
// point and is dropped, and the other 64 are the pixels of the cell, row by row. One invocation a cell.
//
// logits  [65, rows, columns]
// heat    [8 * rows, 8 * columns]
//
// Source: D. DeTone and others, SuperPoint: self-supervised interest point detection and description, 2018.

struct Params {
  columns: u32,
  cells: u32,
}

@group(0) @binding(0) var<storage, read_write> logits: array<f32>;
@group(0) @binding(1) var<storage, read_write> heat: array<vec4f>;
@group(0) @binding(2) var<uniform> params: Params;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let cells = params.cells;
  let cell = (group.y * groups.x + group.x) * 64u + lane;
  if (cell >= cells) { return; }
  var e: array<vec4f, 16>;
  let none = logits[64u * cells + cell];
  var top = vec4f(none);
  //#unroll i 16
  for (var i = 0u; i < 16u; i++) {
    let at = 4u * i * cells + cell;
    e[i] = vec4f(logits[at], logits[at + cells], logits[at + 2u * cells], logits[at + 3u * cells]);
    top = max(top, e[i]);
  }
  //#end
  let most = max(max(top.x, top.y), max(top.z, top.w));
  var sums = vec4f(0.0);
  //#unroll i 16
  for (var i = 0u; i < 16u; i++) {
    e[i] = exp(e[i] - most);
    sums += e[i];
  }
  //#end
  let sum = sums.x + sums.y + sums.z + sums.w + exp(none - most);
  // Two vec4 a cell in each of its eight rows.
  let step = 2u * params.columns;
  let first = cell / params.columns * 8u * step + cell % params.columns * 2u;
  //#unroll i 16
  for (var i = 0u; i < 16u; i++) {
    heat[first + i / 2u * step + i % 2u] = e[i] / sum;
  }
  //#end
}
