import {
  type BufferRange,
  type Device,
  type Dispatch,
  foldWorkgroups,
  type KernelSource,
  Readback,
  type Stream,
} from "../../gpu/mod.ts";
import transformWgsl from "../../../shaders/place/transform.wgsl" with { type: "text" };
import { countDescriptors, type Descriptors } from "./descriptors.ts";
import { VocabularyError } from "./errors.ts";
import { elementsOf, METRIC, packDescriptors } from "./metric.ts";
import type { Vocabulary, Words } from "./vocabulary.ts";

const TRANSFORM: KernelSource = { name: "place/transform", wgsl: transformWgsl };
const LANES = 64;
/** Loop iterations that an invocation has on software Vulkan. */
const MAX_ITERATIONS = 65535;

/** How a {@linkcode VocabularyTransform} is made. */
export interface TransformOptions {
  /** Descriptors at most at a time. Default 4,096. */
  maxDescriptors?: number;
  /** How far above the lowest level the nodes are that are told, as in `Vocabulary.find`. Default 4, as in ORB-SLAM. */
  levelsUp?: number;
}

/**
 * Finds the words of descriptors on the GPU: one dispatch a level, however many descriptors. The tree is uploaded here, and
 * everything that a frame needs is made here, once. One set of descriptors can be under way at a time; make another
 * transform for each more.
 */
export class VocabularyTransform implements Disposable {
  /** Descriptors at most at a time. */
  readonly maxDescriptors: number;
  /**
   * Where the descriptors lie, each padded by zeros to a multiple of 16 bytes: {@linkcode write} puts them there, or a
   * kernel does.
   */
  readonly input: BufferRange;
  readonly #device: Device;
  readonly #vocabulary: Vocabulary;
  readonly #dispatches: Dispatch[] = [];
  readonly #live: BufferRange;
  readonly #reached: BufferRange;
  readonly #kept: BufferRange;
  readonly #readback: Readback;
  readonly #buffers: GPUBuffer[] = [];
  readonly #packed: Uint8Array<ArrayBuffer>;
  #count: number | undefined;

  /**
   * Uploads the tree.
   *
   * @throws {VocabularyError} for options that are no such numbers, or a tree that this adapter cannot hold.
   * @throws {GpuError} as `Device.createBuffer` does.
   */
  constructor(device: Device, vocabulary: Vocabulary, options: TransformOptions = {}) {
    const { maxDescriptors = 4096, levelsUp = 4 } = options;
    if (!Number.isInteger(maxDescriptors) || maxDescriptors < 1) {
      throw new VocabularyError(
        `Cannot prepare words: maxDescriptors is ${maxDescriptors}; give a whole number, 1 or more`,
      );
    }
    const width = elementsOf(vocabulary.form);
    this.#device = device;
    this.#vocabulary = vocabulary;
    this.maxDescriptors = maxDescriptors;
    const level = vocabulary.levelAbove(levelsUp);
    refuseTooLarge(device, vocabulary, maxDescriptors, width);
    this.#packed = new Uint8Array(
      vocabulary.form.kind === "float" || vocabulary.form.size % 16 !== 0 ? maxDescriptors * width * 16 : 0,
    );
    const keep = (range: BufferRange): BufferRange => {
      this.#buffers.push(range.buffer);
      return range;
    };
    const zeros = (bytes: number, label: string): BufferRange => {
      const size = Math.ceil(bytes / 16) * 16;
      const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
      return keep({ buffer: device.createBuffer({ label, size, usage }), offset: 0, bytes: size, label });
    };
    const made = device.allOrNothing(() => {
      const rows = keep(device.upload(treeRows(vocabulary, width), "vocabulary: tree"));
      const links = keep(device.upload(treeLinks(vocabulary), "vocabulary: links"));
      const input = zeros(maxDescriptors * width * 16, "vocabulary: descriptors");
      const reached = zeros(maxDescriptors * 4, "vocabulary: reached");
      const kept = zeros(maxDescriptors * 4, "vocabulary: kept");
      const live = zeros(16, "vocabulary: live");
      const kernel = device.kernel(TRANSFORM, { inject: METRIC[vocabulary.form.kind] });
      for (let step = 1; step <= vocabulary.levels; step++) {
        this.#dispatches.push(device.dispatch(kernel, {
          label: `vocabulary: level ${step}`,
          bindings: { descriptors: input, rows, links, reached, kept, live },
          uniforms: { width, first: Number(step === 1), keep: Number(step === level) },
          workgroups: [1, 1, 1],
        }));
      }
      const readback = new Readback(device, maxDescriptors * 8, "vocabulary: words");
      return { input, reached, kept, live, readback };
    });
    this.input = made.input;
    this.#reached = made.reached;
    this.#kept = made.kept;
    this.#live = made.live;
    this.#readback = made.readback;
  }

  /**
   * Uploads descriptors to {@linkcode input}.
   *
   * @returns how many there are.
   * @throws {VocabularyError} if they are not of the vocabulary's form, too many, or others are under way.
   */
  write(descriptors: Descriptors): number {
    const what = "Cannot find words";
    const count = countDescriptors(descriptors, this.#vocabulary.form, what);
    this.#refuse(count);
    const packed = packDescriptors(descriptors, this.#vocabulary.form, this.#packed);
    if (count > 0) this.#device.gpu.queue.writeBuffer(this.input.buffer, 0, packed);
    return count;
  }

  /**
   * Records the search for the first `count` descriptors of {@linkcode input}. Submit the stream, then
   * {@linkcode take} the words.
   *
   * @throws {VocabularyError} if they are too many, or others are under way.
   */
  record(stream: Stream, count: number): void {
    this.#refuse(count);
    if (count > 0) this.#recordSteps(stream, count);
    this.#count = count;
  }

  #recordSteps(stream: Stream, count: number): void {
    this.#device.gpu.queue.writeBuffer(this.#live.buffer, 0, Uint32Array.of(count));
    const workgroups = foldWorkgroups(Math.ceil(count / LANES));
    stream.run(this.#dispatches.map((dispatch) => ({ ...dispatch, workgroups })));
    const part = (range: BufferRange): BufferRange => ({ ...range, bytes: count * 4 });
    this.#readback.record(stream, part(this.#reached), part(this.#kept));
  }

  /**
   * Waits for what was recorded and submitted.
   *
   * @throws {VocabularyError} if nothing was recorded.
   * @throws {GpuError} as `Readback.take` does.
   */
  async take(): Promise<Words> {
    const count = this.#count;
    if (count === undefined) {
      throw new VocabularyError("Cannot take words: nothing was recorded since the last time");
    }
    try {
      if (count === 0) return { words: new Uint32Array(0), nodes: new Uint32Array(0) };
      return await this.#readback.take((bytes) => this.#wordsOf(new Uint32Array(bytes, 0, count * 2)));
    } finally {
      this.#count = undefined;
    }
  }

  /** Uploads, records, submits and waits: for single images. */
  async find(stream: Stream, descriptors: Descriptors): Promise<Words> {
    this.record(stream, this.write(descriptors));
    stream.submit();
    return await this.take();
  }

  /** Ends its buffers. */
  [Symbol.dispose](): void {
    this.#readback[Symbol.dispose]();
    for (const buffer of this.#buffers) buffer.destroy();
  }

  #wordsOf(places: Uint32Array): Words {
    const count = places.length / 2;
    const { children, nodeWords } = this.#vocabulary;
    const nodeAt = (i: number): number => places[i] === 0 ? 0 : children[places[i]! - 1]!;
    const words = new Uint32Array(count);
    const nodes = new Uint32Array(count);
    for (let i = 0; i < count; i++) {
      words[i] = nodeWords[nodeAt(i)]!;
      nodes[i] = nodeAt(count + i);
    }
    return { words, nodes };
  }

  #refuse(count: number): void {
    if (this.#count !== undefined) {
      throw new VocabularyError(
        "Cannot find words: others are under way; take() them first, or make a transform for each frame under way",
      );
    }
    if (!Number.isInteger(count) || count < 0 || count > this.maxDescriptors) {
      throw new VocabularyError(
        `Cannot find words: ${count} descriptors; this transform takes up to ${this.maxDescriptors}, which is its ` +
          `maxDescriptors`,
      );
    }
  }
}

/** The rows of the tree in the order of `children`, after one of zeros for the root. */
function treeRows({ children, descriptors, form }: Vocabulary, width: number): Uint8Array<ArrayBuffer> {
  const rowBytes = form.kind === "float" ? form.size * 4 : form.size;
  const source = new Uint8Array(descriptors.buffer, descriptors.byteOffset, descriptors.byteLength);
  const rows = new Uint8Array((children.length + 1) * width * 16);
  for (const [slot, node] of children.entries()) {
    rows.set(source.subarray((node - 1) * rowBytes, node * rowBytes), (slot + 1) * width * 16);
  }
  return rows;
}

/** First child and number of children of the root, and of the nodes in the order of `children`. */
function treeLinks({ children, childStarts }: Vocabulary): Uint32Array<ArrayBuffer> {
  const links = new Uint32Array((children.length + 1) * 2);
  for (let place = 0; place <= children.length; place++) {
    const node = place === 0 ? 0 : children[place - 1]!;
    links[place * 2] = childStarts[node]! + 1;
    links[place * 2 + 1] = childStarts[node + 1]! - childStarts[node]!;
  }
  return links;
}

function refuseTooLarge(device: Device, vocabulary: Vocabulary, maxDescriptors: number, width: number): void {
  const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
  const limit = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  for (const [what, rows] of [["nodes", vocabulary.nodeCount], ["descriptors", maxDescriptors]] as const) {
    if (rows * width * 16 > limit) {
      throw new VocabularyError(
        `Cannot prepare words: ${rows} ${what} take ${
          rows * width * 16
        } bytes, and a buffer of this adapter holds ` +
          `${limit}; take fewer`,
      );
    }
  }
  const iterations = vocabulary.k * (width + 1);
  if (iterations >= MAX_ITERATIONS) {
    throw new VocabularyError(
      `Cannot prepare words: ${vocabulary.k} children with descriptors of ${vocabulary.form.size} take ${iterations} loop ` +
        `iterations, and some adapters stop at ${MAX_ITERATIONS}; take a smaller k`,
    );
  }
}
