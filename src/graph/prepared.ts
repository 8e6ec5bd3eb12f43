/**
 * A network planned for fixed shapes and bound to memory of its own: what `run` uses, and what a loop keeps.
 *
 * @module
 */
import {
  type Allocation,
  type BufferRange,
  type Device,
  GpuError,
  Readback,
  type Stream,
} from "../gpu/mod.ts";
import { GraphError } from "../ops/error.ts";
import { elementCount, type HostTensor, hostTensor } from "../tensor/host_tensor.ts";
import { denseStrides, type View, viewOffsets } from "../tensor/view.ts";
import { fromWords, toWords, type Words } from "../tensor/words.ts";
import type { BoundPlan } from "./bind.ts";
import type { Plan, PlanValue } from "./plan.ts";

/**
 * A tensor in GPU memory. Every element is one 32-bit word (`f32`, or `i32` for integers and booleans); element
 * `[i, j, ...]` is word `offset + i * strides[0] + j * strides[1] + ...` of the range.
 */
export interface GpuTensor extends Omit<View, "storage"> {
  /** The whole storage. */
  readonly range: BufferRange;
}

/** Where a network's values lie; made by `Session.prepare`. */
export class PreparedNetwork implements Disposable {
  /** What is run. */
  readonly plan: Plan;
  /** Where to write each input; those that were given in GPU memory are what was given. */
  readonly inputs: Readonly<Record<string, GpuTensor>>;
  /** Where each output is after a run: dense, in ONNX's order. */
  readonly outputs: Readonly<Record<string, GpuTensor>>;
  /** The dispatches and their bind groups. */
  readonly bound: BoundPlan;
  readonly #device: Device;
  readonly #stream: Stream;
  readonly #arena: Allocation;
  readonly #readback: Readback | undefined;
  readonly #given: ReadonlySet<string>;
  #last: Promise<unknown> = Promise.resolve();

  /** Takes over stream, arena and bound plan. */
  constructor(
    device: Device,
    own: { stream: Stream; arena: Allocation; bound: BoundPlan; given: ReadonlySet<string> },
  ) {
    const { bound } = own;
    this.#device = device;
    this.#stream = own.stream;
    this.#arena = own.arena;
    this.#given = own.given;
    this.bound = bound;
    this.plan = bound.plan;
    const tensors = (values: readonly PlanValue[], ranges: BoundPlan["inputs"]): Record<string, GpuTensor> =>
      Object.fromEntries(
        values.map(({ name, view: { storage: _, ...view } }) => [name, { ...view, range: ranges[name]! }]),
      );
    this.inputs = tensors(bound.plan.inputs, bound.inputs);
    this.outputs = tensors(bound.plan.outputs, bound.outputs);
    const bytes = this.#results().reduce((sum, { range }) => sum + range.bytes, 0);
    this.#readback = bytes > 0 ? new Readback(device, bytes, "network outputs") : undefined;
  }

  /**
   * Adds the network to what a stream will submit. Inputs must have been written to {@linkcode inputs} since the last run,
   * which may have put something else in their memory; outputs are in {@linkcode outputs} then, until the next run. Nothing
   * is created.
   */
  record(stream: Stream): void {
    stream.run(this.bound.dispatches);
  }

  /**
   * Writes the inputs, runs, and reads all outputs back. Runs that were begun earlier end first.
   *
   * @param inputs those in host memory, by name; inputs given in GPU memory are left out.
   * @throws {GraphError} if one is missing or does not fit.
   */
  run(inputs: Readonly<Record<string, HostTensor>> = {}): Promise<Record<string, HostTensor>> {
    const turn = this.#last.then(() => this.#run(inputs));
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #run(inputs: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor>> {
    for (const value of this.plan.inputs) {
      const { name, type } = value;
      if (this.#given.has(name)) continue;
      const tensor = inputs[name];
      if (!tensor) throw new GraphError(`Cannot run: input "${name}" is missing`);
      if (
        tensor.shape.length !== type.shape.length || tensor.shape.some((e, axis) => e !== type.shape[axis])
      ) {
        throw new GraphError(
          `Cannot run: input "${name}" was prepared for [${type.shape.join(", ")}], but [${
            tensor.shape.join(", ")
          }] was given; prepare for that shape`,
        );
      }
      writeInput(this.#device, this.bound.inputs[name]!, value, tensor);
    }
    this.record(this.#stream);
    // All outputs in one readback: each wait takes about 11 ms in Deno.
    const results = this.#results();
    this.#readback?.record(this.#stream, ...results.map(({ range }) => range));
    this.#stream.submit();
    if (!this.#readback) return {};
    return await this.#readback.take((bytes) => {
      const tensors: Record<string, HostTensor> = {};
      let at = 0;
      for (const { value: { name, type, view }, range } of results) {
        tensors[name] = fromWords(type.dtype, type.shape, bytes, at + view.offset * 4);
        at += range.bytes;
      }
      return Object.fromEntries(
        this.plan.outputs.map(({ name, type }) => [
          name,
          trimmed(tensors[name]!, type.counts?.map((count) => count && Number(tensors[count]!.data[0]))),
        ]),
      );
    });
  }

  /** Outputs and counts, in the order in which they are read back. */
  #results(): { value: PlanValue; range: BufferRange }[] {
    return [
      ...this.plan.outputs.map((value) => ({ value, range: this.bound.outputs[value.name]! })),
      ...this.plan.counts.map((value) => ({ value, range: this.bound.counts[value.name]! })),
    ];
  }

  /** Frees the memory; the session's weights stay. */
  [Symbol.dispose](): void {
    this.#readback?.[Symbol.dispose]();
    this.bound[Symbol.dispose]();
    this.#arena.free();
    this.#stream[Symbol.dispose]();
  }
}

/** The part of a tensor that means something, given the live extents of those axes that have one. */
function trimmed(tensor: HostTensor, counts: readonly (number | "" | undefined)[] = []): HostTensor {
  const shape = tensor.shape.map((extent, axis) =>
    Math.min(extent, counts[axis] || (counts[axis] === 0 ? 0 : extent))
  );
  if (shape.every((extent, axis) => extent === tensor.shape[axis])) return tensor;
  const elements: (number | bigint)[] = new Array(elementCount(shape));
  let i = 0;
  for (const offset of viewOffsets({ shape, strides: denseStrides(tensor.shape, "linear"), offset: 0 })) {
    elements[i++] = tensor.data[offset]!;
  }
  return hostTensor(tensor.dtype, shape, elements as number[]);
}

/** Writes a host tensor where a plan reads that input, in the input's layout. */
export function writeInput(device: Device, range: BufferRange, value: PlanValue, tensor: HostTensor): void {
  if (tensor.dtype !== value.type.dtype) {
    throw new GpuError(
      `Cannot write input "${value.name}": it is ${value.type.dtype}, but ${tensor.dtype} was given`,
    );
  }
  const words = toWords(tensor);
  const laidOut = arrayFor(value, words, range.bytes / 4);
  const { shape, strides, offset } = merged(value.view);
  const [extent, stride] = [shape.at(-1) ?? 1, strides.at(-1) ?? 0];
  const [planes, between] = [shape.at(-2) ?? 1, strides.at(-2) ?? 0];
  let from = 0;
  for (const start of viewOffsets({ shape: shape.slice(0, -2), strides: strides.slice(0, -2), offset })) {
    spread(words, from, planes, between, extent, stride, laidOut, start);
    from += planes * extent;
  }
  device.gpu.queue.writeBuffer(range.buffer, range.offset, laidOut);
}

/** What each input was last laid out in: what lies between its elements is zero, and stays so. */
const arrays = new WeakMap<PlanValue, Words>();

/** An array of as many words of the same type; the same one each time. */
function arrayFor(value: PlanValue, { constructor }: Words, length: number): Words {
  const known = arrays.get(value);
  if (known?.length === length && known.constructor === constructor) return known;
  const made = constructor === Float32Array ? new Float32Array(length) : new Int32Array(length);
  arrays.set(value, made);
  return made;
}

/** A view with fewer, longer axes: those whose elements follow each other in both orders become one. */
function merged({ shape, strides, offset }: View): Pick<View, "shape" | "strides" | "offset"> {
  const extents: number[] = [], steps: number[] = [];
  for (const [axis, extent] of shape.entries()) {
    const stride = strides[axis]!;
    if (steps.at(-1) === extent * stride) {
      extents.push(extents.pop()! * extent);
      steps[steps.length - 1] = stride;
    } else {
      extents.push(extent);
      steps.push(stride);
    }
  }
  return { shape: extents, strides: steps, offset };
}

/** Words of the result that a piece of all planes covers, and elements of a plane at the least. */
const PIECE = { words: 4096, elements: 128 };

/**
 * Lays planes of `extent` elements between each other: elements `stride` apart, planes `between`. Piece by piece, so that a
 * piece of the result stays in a nearby cache meanwhile.
 */
function spread(
  from: Words,
  at: number,
  planes: number,
  between: number,
  extent: number,
  stride: number,
  to: Words,
  start: number,
): void {
  if (stride === 1 && (between === extent || planes === 1)) {
    to.set(from.subarray(at, at + planes * extent), start);
    return;
  }
  const piece = Math.max(PIECE.elements, Math.floor(PIECE.words / Math.max(stride, 1)));
  for (let begin = 0; begin < extent; begin += piece) {
    const end = Math.min(begin + piece, extent);
    for (let plane = 0; plane < planes; plane++) {
      let source = at + plane * extent + begin, target = start + plane * between + begin * stride;
      for (const last = source + end - begin; source < last; source++, target += stride) {
        to[target] = from[source]!;
      }
    }
  }
}
