/**
 * Small kernels for the tests of the GPU floor.
 *
 * @module
 */
import type { KernelSource } from "../../src/gpu/mod.ts";

/** `y[i] = x[i] + value` for the first `count` elements; the grid may be folded. */
export const ADD: KernelSource = {
  name: "test/add",
  wgsl: `
struct Params { count: u32, value: f32 }
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> y: array<f32>;
@group(0) @binding(2) var<uniform> params: Params;
override WG: u32 = 64u;

@compute @workgroup_size(WG)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * grid.x + group.x) * WG + local;
  if (i >= params.count) {
    return;
  }
  y[i] = x[i] + params.value;
}`,
};

/** `x[i] = x[i] * 2 + 1` in place: applied twice it shows whether the order was kept. */
export const DOUBLE_ADD_ONE: KernelSource = {
  name: "test/double_add_one",
  wgsl: `
@group(0) @binding(0) var<storage, read_write> x: array<f32>;

@compute @workgroup_size(64)
fn main(@builtin(global_invocation_id) id: vec3u) {
  if (id.x < arrayLength(&x)) {
    x[id.x] = x[id.x] * 2.0 + 1.0;
  }
}`,
};
