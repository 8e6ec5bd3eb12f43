import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  type BufferRange,
  Device,
  foldWorkgroups,
  GpuError,
  type KernelSource,
  MAX_WORKGROUPS,
} from "../../src/gpu/mod.ts";
import { ADD } from "./kernels.ts";

/** A part of a buffer. */
function part(whole: BufferRange, offset: number, bytes: number, label: string): BufferRange {
  return { buffer: whole.buffer, offset, bytes, label };
}

Deno.test("foldWorkgroups() keeps to the limit and covers the count with less than one row to spare", () => {
  assertEquals(foldWorkgroups(0), [1, 1, 1]);
  assertEquals(foldWorkgroups(1), [1, 1, 1]);
  assertEquals(foldWorkgroups(MAX_WORKGROUPS), [65535, 1, 1]);
  assertEquals(foldWorkgroups(65536), [32768, 2, 1]);
  for (const count of [65537, 131070, 131071, 1_000_003, 65535 * 65535]) {
    const [x, y, z] = foldWorkgroups(count);
    assert(x <= MAX_WORKGROUPS && y <= MAX_WORKGROUPS && z === 1, `${count}: ${x} x ${y} x ${z}`);
    assert(x * y >= count && x * y - count < y, `${count}: ${x} x ${y}`);
  }
  assertThrows(() => foldWorkgroups(65535 * 65535 + 1), GpuError, "the limit is 65535 x 65535");
  for (const count of [-1, 1.5, NaN, Infinity]) {
    assertThrows(() => foldWorkgroups(count), GpuError, `Cannot dispatch ${count} workgroups`);
  }
});

Deno.test("a folded grid reaches every element", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const count = 65535 + 500;
  const x = device.upload(new Float32Array(count).map((_, i) => i), "x");
  const y = device.upload(new Float32Array(count), "y");
  const workgroups = foldWorkgroups(count);
  assertEquals(workgroups[1], 2);
  stream.run(device.dispatch(device.kernel(ADD, { overrides: { WG: 1 } }), {
    bindings: { x, y },
    uniforms: { count, value: 0.5 },
    workgroups,
  }));
  stream.submit();
  const values = new Float32Array(await device.read(y)).subarray(0, count);
  assertEquals(values.findIndex((value, i) => value !== i + 0.5), -1);
});

Deno.test("device.dispatch() refuses overlapping ranges if one is written, with both labels", async () => {
  using device = await Device.request({ pool: false });
  const memory = device.upload(new Float32Array(256), "memory");
  const kernel = device.kernel(ADD);
  const dispatch = (x: BufferRange, y: BufferRange, disjoint?: [string, string][]): void => {
    device.dispatch(kernel, {
      label: "conv 3",
      bindings: { x, y },
      uniforms: { count: 1, value: 1 },
      workgroups: [1, 1, 1],
      ...(disjoint && { disjoint }),
    });
  };
  const first = part(memory, 0, 512, "first");
  const second = part(memory, 512, 512, "second");
  const middle = part(memory, 256, 512, "middle");
  dispatch(first, second);
  dispatch(second, first);
  const before = device.counters.snapshot();
  const error = assertThrows(() => dispatch(first, middle), GpuError);
  assertEquals(
    error.message,
    'Cannot dispatch "conv 3" (test/add): "x" (first, bytes 0 to 512) and "y" (middle, bytes 256 to 768) overlap and ' +
      "one is written; give them separate memory",
  );
  assertThrows(() => dispatch(first, first), GpuError, "overlap");
  assertEquals(device.counters.snapshot(), before, "a refused dispatch makes nothing");
  dispatch(first, middle, [["x", "y"]]);
  dispatch(first, middle, [["y", "x"]]);
  assertThrows(() => dispatch(first, middle, [["x", "z"]]), GpuError, "overlap");
  await device.settle();
});

Deno.test("regions of one matrix: rows apart are accepted, columns apart share bytes and are refused with both labels", async () => {
  using device = await Device.request({ pool: { stackBytes: 65536, stackCount: 1 } });
  using stream = device.stream();
  // 16 rows of 64 floats; a row is 256 bytes, so that every region of whole rows can be bound.
  const [rows, step] = [16, 256];
  using matrix = stream.allocate(rows * step, "frame");
  /** The bytes from a region's first pixel to its last, as a binding covers them. */
  const region = (label: string, y: number, height: number, x = 0, width = 64): BufferRange =>
    part(matrix, y * step + x * 4, (height - 1) * step + width * 4, label);
  const kernel = device.kernel(ADD);
  const dispatch = (x: BufferRange, y: BufferRange, disjoint?: [string, string][]): void => {
    const uniforms = { count: 1, value: 1 };
    const options = { label: "blend", bindings: { x, y }, uniforms, ...(disjoint && { disjoint }) };
    device.dispatch(kernel, { ...options, workgroups: [1, 1, 1] });
  };
  const cases: [a: BufferRange, b: BufferRange, overlap: boolean][] = [
    [region("top", 0, 8), region("bottom", 8, 8), false],
    [region("top", 0, 9), region("bottom", 8, 8), true],
    [region("first row", 0, 1), region("second row", 1, 1), false],
    [region("all", 0, 16), region("inside", 5, 2), true],
    [region("left", 0, 16, 0, 32), region("right", 0, 16, 32, 32), true],
    [region("end of row 3", 3, 1, 0, 64), region("row 4 on", 4, 12), false],
    [region("left, one row", 2, 1, 0, 16), region("below", 3, 1, 0, 16), false],
  ];
  for (const [a, b, overlap] of cases) {
    for (const [x, y] of [[a, b], [b, a]] as const) {
      const name = `${x.label} and ${y.label}`;
      if (!overlap) {
        dispatch(x, y);
        continue;
      }
      const error = assertThrows(() => dispatch(x, y), GpuError, 'Cannot dispatch "blend"', name);
      assertStringIncludes(error.message, `"x" (${x.label}, bytes ${x.offset} to ${x.offset + x.bytes})`);
      assertStringIncludes(
        error.message,
        `"y" (${y.label}, bytes ${y.offset} to ${y.offset + y.bytes}) overlap`,
      );
    }
  }
  // Who knows that the columns are apart says so.
  const [left, right] = [region("left", 0, 16, 0, 64), region("right", 0, 16, 0, 64)];
  dispatch(left, right, [["x", "y"]]);
  // What follows on the stack has nothing in common with the matrix.
  using behind = stream.allocate(256, "behind");
  dispatch(region("all", 0, 16), behind);
  await device.settle();
});

Deno.test("device.dispatch() refuses one range that is written twice, whatever the order of three bindings", async () => {
  using device = await Device.request({ pool: false });
  const source: KernelSource = {
    name: "test/split",
    wgsl: `
@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> even: array<f32>;
@group(0) @binding(2) var<storage, read_write> odd: array<f32>;
@compute @workgroup_size(1) fn main() {
  even[0] = x[0];
  odd[0] = x[1];
}`,
  };
  const kernel = device.kernel(source);
  const memory = device.upload(new Float32Array(256), "memory");
  const parts = [
    part(memory, 0, 256, "p"),
    part(memory, 256, 256, "q"),
    part(memory, 512, 256, "r"),
  ] as const;
  const wide = part(memory, 256, 512, "wide");
  const dispatch = (x: BufferRange, even: BufferRange, odd: BufferRange): void =>
    void device.dispatch(kernel, { bindings: { x, even, odd }, workgroups: [1, 1, 1] });
  dispatch(...parts);
  for (
    const [x, even, odd, pair] of [
      [parts[0], parts[1], wide, ["even", "odd"]],
      [parts[0], wide, parts[2], ["even", "odd"]],
      [wide, parts[0], parts[1], ["x", "odd"]],
      [wide, parts[2], parts[0], ["x", "even"]],
      [parts[0], parts[1], parts[1], ["even", "odd"]],
    ] as const
  ) {
    const error = assertThrows(() => dispatch(x, even, odd), GpuError);
    for (const name of pair) assertStringIncludes(error.message, `"${name}" (`);
  }
  await device.settle();
});

Deno.test("device.dispatch() allows overlap of ranges that are only read", async () => {
  using device = await Device.request({ pool: false });
  const sum: KernelSource = {
    name: "test/sum",
    wgsl: `
@group(0) @binding(0) var<storage, read> a: array<f32>;
@group(0) @binding(1) var<storage, read> b: array<f32>;
@group(0) @binding(2) var<storage, read_write> y: array<f32>;
@compute @workgroup_size(1) fn main() { y[0] = a[0] + b[0]; }`,
  };
  using stream = device.stream();
  const x = device.upload(new Float32Array([21]), "x");
  const y = device.upload(new Float32Array(1), "y");
  stream.run(device.dispatch(device.kernel(sum), { bindings: { a: x, b: x, y }, workgroups: [1, 1, 1] }));
  stream.submit();
  assertEquals(new Float32Array(await device.read(y))[0], 42);
  // One buffer, read here and written there, is more than WebGPU allows, whatever the ranges.
  const memory = device.upload(new Float32Array(256), "memory");
  const error = assertThrows(() =>
    device.dispatch(device.kernel(sum), {
      bindings: { a: part(memory, 0, 256, "a"), b: x, y: part(memory, 512, 256, "result") },
      workgroups: [1, 1, 1],
    }), GpuError);
  assertStringIncludes(error.message, '"a" (a, bytes 0 to 256) and "y" (result, bytes 512 to 768)');
  assertStringIncludes(error.message, "declare both read_write");
});

Deno.test("device.dispatch() lists missing and unknown bindings and uniforms", async () => {
  using device = await Device.request({ pool: false });
  const x = device.upload(new Float32Array(1), "x");
  const kernel = device.kernel(ADD);
  const workgroups = [1, 1, 1] as const;
  const uniforms = { count: 1, value: 1 };
  const before = device.counters.snapshot();
  const error = assertThrows(
    () => device.dispatch(kernel, { label: "step", bindings: { x, z: x, w: x }, uniforms, workgroups }),
    GpuError,
  );
  assertEquals(
    error.message,
    'Cannot dispatch "step" (test/add): missing [y], unknown [z, w]; it binds [x, y]',
  );
  const y = device.upload(new Float32Array(1), "y");
  assertThrows(
    () => device.dispatch(kernel, { bindings: { x, y }, workgroups }),
    GpuError,
    "Cannot set the uniforms of test/add: missing [count, value]",
  );
  assertEquals(device.counters.snapshot().buffers, before.buffers + 1);
  const bare = device.kernel({
    name: "test/bare",
    wgsl: `@group(0) @binding(0) var<storage, read_write> x: array<f32>;
@compute @workgroup_size(1) fn main() { x[0] = 1.0; }`,
  });
  assertThrows(
    () => device.dispatch(bare, { bindings: { x }, uniforms: { count: 1 }, workgroups }),
    GpuError,
    "unknown [uniforms]",
  );
  await device.settle();
});

Deno.test("device.dispatch() takes uniforms that are packed already", async () => {
  using device = await Device.request({ pool: false });
  using stream = device.stream();
  const x = device.upload(new Float32Array([1, 2]), "x");
  const y = device.upload(new Float32Array(2), "y");
  const data = new DataView(new ArrayBuffer(16));
  data.setUint32(0, 2, true);
  data.setFloat32(4, 10, true);
  const uniforms = device.uploadUniforms(data, "params");
  const { buffers } = device.counters.snapshot();
  stream.run(
    device.dispatch(device.kernel(ADD), { bindings: { x, y }, uniforms, workgroups: [1, 1, 1] }),
  );
  assertEquals(device.counters.snapshot().buffers, buffers);
  stream.submit();
  assertEquals([...new Float32Array(await device.read(y)).slice(0, 2)], [11, 12]);
});

Deno.test("device.dispatch() refuses a grid beyond the adapter's limit", async () => {
  using device = await Device.request({ pool: false });
  const x = device.upload(new Float32Array(1), "x");
  const y = device.upload(new Float32Array(1), "y");
  const limit = device.limits.maxComputeWorkgroupsPerDimension;
  for (const workgroups of [[limit + 1, 1, 1], [1, -1, 1], [1, 1, 0.5]] as [number, number, number][]) {
    const error = assertThrows(
      () =>
        device.dispatch(device.kernel(ADD), {
          label: "wide",
          bindings: { x, y },
          uniforms: { count: 1, value: 1 },
          workgroups,
        }),
      GpuError,
    );
    assertStringIncludes(error.message, `Cannot dispatch "wide": a grid of ${workgroups.join(" x ")}`);
    assertStringIncludes(error.message, String(limit));
  }
});

Deno.test("device.settle() names a dispatch whose bind group the GPU refuses", async () => {
  using device = await Device.request({ pool: false });
  const x = device.upload(new Float32Array(256), "x");
  const y = device.upload(new Float32Array(256), "y");
  device.dispatch(device.kernel(ADD), {
    label: "crooked",
    bindings: { x: part(x, 4, 256, "x"), y },
    uniforms: { count: 1, value: 1 },
    workgroups: [1, 1, 1],
  });
  const error = await device.settle().then(() => undefined, (error) => error);
  assert(error instanceof GpuError);
  assertStringIncludes(error.message, 'Cannot make "crooked": the GPU refused it');
});
