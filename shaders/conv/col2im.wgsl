// Puts columns back into an image: the reverse of cutting it into (overlapping) blocks, with what overlaps summed.
//
//   y[n, c, p] = sum over the taps k and blocks b with b * stride - pad + k * dilation = p of x[n, c * taps + k, b]
//
// x, y: elements one after the other in ONNX's order, from their offsets. Vectors of the parameters hold depth, height and width;
// the fourth number is not used. `blocks` is how many blocks there are along each dimension, `extent` the image's size.
//
// Grid: `count` = batch * channels * extent.x * extent.y * extent.z invocations.
// Limit: kernel.x * (1 + kernel.y * (1 + kernel.z)) under 65,535 (llvmpipe).

struct Params {
  extent: vec4u,
  blocks: vec4u,
  kernel: vec4u,
  stride: vec4u,
  dilation: vec4u,
  pad: vec4i,
  count: u32,
  x_offset: u32,
  y_offset: u32,
};

@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;

// The block whose tap `k` lies at `p` along one dimension, or -1 where there is none.
fn block_at(p: u32, k: u32, stride: u32, dilation: u32, pad: i32, blocks: u32) -> i32 {
  let reach = i32(p) + pad - i32(k * dilation);
  if (reach < 0 || reach % i32(stride) != 0 || reach / i32(stride) >= i32(blocks)) { return -1; }
  return reach / i32(stride);
}

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let index = (group.y * groups.x + group.x) * 64u + local;
  if (index >= params.count) { return; }
  let column = index % params.extent.z;
  let row = (index / params.extent.z) % params.extent.y;
  let plane = index / (params.extent.z * params.extent.y);
  let depth = plane % params.extent.x;
  let channel = plane / params.extent.x;
  let all_blocks = params.blocks.x * params.blocks.y * params.blocks.z;
  var sum = 0.0;
  for (var kd = 0u; kd < params.kernel.x; kd++) {
    let d = block_at(depth, kd, params.stride.x, params.dilation.x, params.pad.x, params.blocks.x);
    if (d < 0) { continue; }
    for (var kh = 0u; kh < params.kernel.y; kh++) {
      let h = block_at(row, kh, params.stride.y, params.dilation.y, params.pad.y, params.blocks.y);
      if (h < 0) { continue; }
      for (var kw = 0u; kw < params.kernel.z; kw++) {
        let w = block_at(column, kw, params.stride.z, params.dilation.z, params.pad.z, params.blocks.z);
        if (w < 0) { continue; }
        let tap = ((channel * params.kernel.x + kd) * params.kernel.y + kh) * params.kernel.z + kw;
        let at = (u32(d) * params.blocks.y + u32(h)) * params.blocks.z + u32(w);
        sum += x[params.x_offset + tap * all_blocks + at];
      }
    }
  }
  y[params.y_offset + index] = sum;
}
