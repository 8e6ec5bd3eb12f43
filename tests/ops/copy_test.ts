import { assert, assertEquals } from "@std/assert";
import { Device, type Stream } from "../../src/gpu/mod.ts";
import { copyDispatch, padDispatch } from "../../src/ops/copy.ts";
import type { PlannedDispatch } from "../../src/ops/operator.ts";
import { elementCount } from "../../src/tensor/host_tensor.ts";
import { denseStrides, paddedChannels, sliceView, type View, viewOffsets } from "../../src/tensor/view.ts";
import { Random } from "../support/random.ts";

/** What nobody wrote. */
const UNTOUCHED = -99;

/** A view of some of the elements of a storage: dimensions in any order, steps of 1 or 2, either way round. */
function randomView(random: Random, storage: number, shape: readonly number[]): View {
  const order = shape.map((_, axis) => axis).sort(() => random.uniform() - 0.5);
  const steps = shape.map(() => 1 + Math.floor(random.uniform() * 2));
  const wide = order.map((axis) => shape[axis]! * steps[axis]! + Math.floor(random.uniform() * 2));
  const dense = denseStrides(wide, "linear");
  let view: View = {
    storage,
    dtype: "f32",
    shape: shape.map((_, axis) => wide[order.indexOf(axis)]!),
    strides: shape.map((_, axis) => dense[order.indexOf(axis)]!),
    offset: 0,
    padded: false,
  };
  for (const [axis, count] of shape.entries()) {
    const backwards = random.uniform() < 0.2;
    const last = (count - 1) * steps[axis]!;
    view = sliceView(view, axis, backwards ? last : 0, count, backwards ? -steps[axis]! : steps[axis]!);
  }
  return view;
}

/** A view whose last dimension lies in `vec4`s, with gaps of such between the others. */
function viewInFours(random: Random, storage: number, shape: readonly number[]): View {
  const wide = shape.map((extent, axis) =>
    axis === shape.length - 1 ? extent + 4 * random.int(0, 2) : extent + random.int(0, 1)
  );
  const offset = 4 * random.int(0, 2);
  return { storage, dtype: "f32", shape, strides: denseStrides(wide, "linear"), offset, padded: false };
}

function spanOf(view: View): number {
  return Math.max(1, ...Array.from(viewOffsets(view), (offset) => offset + 1));
}

/** What a copy leaves in the storage of `to`, element by element. */
function expectedCopy(
  from: View,
  source: Float32Array,
  to: View,
  begin: readonly number[],
  fill: number,
  elements: number,
): Float32Array {
  const result = new Float32Array(elements).fill(UNTOUCHED);
  const written = to.padded ? to.shape.with(1, paddedChannels(to.shape[1]!)) : to.shape;
  const index = written.map(() => 0);
  for (let i = 0; i < elementCount(written); i++) {
    const at = index.map((position, axis) => position - begin[axis]!);
    const inside = at.every((position, axis) => position >= 0 && position < from.shape[axis]!);
    const read = at.reduce((sum, position, axis) => sum + position * from.strides[axis]!, from.offset);
    const write = index.reduce((sum, position, axis) => sum + position * to.strides[axis]!, to.offset);
    result[write] = inside ? source[read]! : fill;
    for (let axis = index.length - 1; axis >= 0; axis--) {
      if (++index[axis]! < written[axis]!) break;
      index[axis] = 0;
    }
  }
  return result;
}

/** Makes a copy on the GPU; gives what its target's storage holds then. */
async function runCopy(
  device: Device,
  stream: Stream,
  { kernel, options, uniforms, workgroups }: PlannedDispatch,
  source: Float32Array<ArrayBuffer>,
  elements: number,
): Promise<Float32Array> {
  using x = stream.allocate(source.byteLength, "x");
  using y = stream.allocate(elements * 4, "y");
  device.gpu.queue.writeBuffer(x.buffer, x.offset, source);
  device.gpu.queue.writeBuffer(y.buffer, y.offset, new Float32Array(elements).fill(UNTOUCHED));
  const compiled = device.kernel(kernel, options);
  const bindings = { x, y };
  stream.run(
    device.dispatch(compiled, { label: "copy", bindings, workgroups, ...(uniforms && { uniforms }) }),
  );
  stream.submit();
  return new Float32Array(await device.read(y)).slice(0, elements);
}

Deno.test("copyDispatch() makes planes of an image, of parts of one and into parts of others, and writes nothing else", async () => {
  using device = await Device.request({ pool: { stackBytes: 4 << 20, stackCount: 1 } });
  using stream = device.stream({ label: "test" });
  const random = new Random(12);
  const below = (limit: number): number => Math.floor(random.uniform() * limit);
  let asPlanes = 0;
  for (let round = 0; round < 60; round++) {
    const shape = [1 + below(3), 1 + below(11), 1 + below(7), 1 + below(9)];
    const flat = round % 4 === 3 ? shape.toSpliced(2, 1) : shape;
    const wide = flat.with(1, shape[1]! + 8);
    const padded = (at: readonly number[]): View => ({
      storage: 0,
      dtype: "f32",
      shape: at,
      strides: denseStrides(at, "image"),
      offset: 0,
      padded: true,
    });
    // The last channels of a wider image, from a multiple of four on.
    const from = round % 3 === 0 ? sliceView(padded(wide), 1, 8, shape[1]!, 1) : padded(flat);
    const whole: View = { ...padded(wide), storage: 1, strides: denseStrides(wide, "linear"), padded: false };
    const to = round % 2 === 0
      ? sliceView(whole, 1, below(9), shape[1]!, 1)
      : { ...whole, shape: flat, strides: denseStrides(flat, "linear") };
    const elements = spanOf(whole);
    const source = new Float32Array(Math.max(spanOf(padded(wide)), 8) + 8).map(() => random.uniform());
    const dispatch = copyDispatch(from, to);
    if (dispatch.kernel.name === "copy/planes") asPlanes++;
    assertEquals(
      await runCopy(device, stream, dispatch, source, elements),
      expectedCopy(from, source, to, flat.map(() => 0), 0, elements),
      `round ${round}, ${dispatch.kernel.name}: ${JSON.stringify({ from, to })}`,
    );
  }
  assert(asPlanes > 30, `${asPlanes} of 60`);
});

Deno.test("padDispatch() copies between any two views, up to eight dimensions, and writes nothing else", async () => {
  using device = await Device.request({ pool: { stackBytes: 4 << 20, stackCount: 1 } });
  using stream = device.stream({ label: "test" });
  const random = new Random(11);
  const below = (limit: number): number => Math.floor(random.uniform() * limit);
  let byFours = 0;
  for (let round = 0; round < 96; round++) {
    const rank = round % 9;
    const shape = Array.from({ length: rank }, () => 1 + below(rank < 3 ? 40 : rank < 5 ? 7 : 3));
    // The last dimension in whole fours, and a target in which it lies so.
    const inFours = round >= 72 && rank > 0;
    if (inFours) shape[rank - 1] = 4 * (1 + below(3));
    const pads = round % 3 === 2;
    const begin = shape.map(() => pads ? below(4) - 2 : 0);
    const from = randomView(
      random,
      0,
      pads ? shape.map((extent) => Math.max(1, extent + below(4) - 2)) : shape,
    );
    const image = round % 2 === 1 && rank >= 3 && rank <= 5;
    const to: View = image
      ? { storage: 1, dtype: "f32", shape, strides: denseStrides(shape, "image"), offset: 0, padded: true }
      : inFours
      ? viewInFours(random, 1, shape)
      : randomView(random, 1, shape);
    const elements = spanOf(image ? { ...to, shape: shape.with(1, paddedChannels(shape[1]!)) } : to);
    const source = new Float32Array(spanOf(from)).map(() => random.uniform());
    const dispatch = padDispatch(from, to, begin, 0.5);
    if (dispatch.options?.overrides?.LANES === 4) byFours++;
    const copied = await runCopy(device, stream, dispatch, source, elements);
    assertEquals(
      copied,
      expectedCopy(from, source, to, begin, 0.5, elements),
      `round ${round}: ${JSON.stringify({ from, to, begin })}`,
    );
  }
  assert(byFours > 20, `${byFours} of 96`);
});
