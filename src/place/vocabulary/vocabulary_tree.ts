import {
  type BufferRange,
  destroyConstants,
  type Device,
  type Dispatch,
  foldWorkgroups,
  type KernelSource,
  texelDispatch,
  type TexelScratch,
  texelScratch,
  type TextureRange,
  uploadConstants,
} from "../../gpu/mod.ts";
import transformWgsl from "../../../shaders/place/transform.wgsl" with { type: "text" };
import { VocabularyError } from "./errors.ts";
import { elementsOf, METRIC } from "./metric.ts";
import type { Vocabulary, Words } from "./vocabulary.ts";

const TRANSFORM: KernelSource = { name: "place/transform", wgsl: transformWgsl };
const LANES = 64;
/** Loop iterations that an invocation has on software Vulkan. */
const MAX_ITERATIONS = 65535;

/** Where a search for words reads and writes. */
export interface TransformRanges {
  /** The descriptors, each padded by zeros to a multiple of 16 bytes. */
  descriptors: BufferRange;
  /** A word: how many of them there are. */
  live: BufferRange;
  /** A word for each descriptor: the place in the tree where it ends. */
  reached: BufferRange;
  /** A word for each descriptor: the place that it passed on the level that is told. */
  kept: BufferRange;
}

/** A vocabulary's tree on the GPU, shared by all that look for its words there. */
export class VocabularyTree implements Disposable {
  /** What was uploaded. */
  readonly vocabulary: Vocabulary;
  readonly #device: Device;
  readonly #width: number;
  readonly #rows: BufferRange | TextureRange;
  readonly #links: BufferRange | TextureRange;
  readonly #texels: TexelScratch | undefined;

  /**
   * Uploads the tree.
   *
   * @throws {VocabularyError} if this adapter cannot hold it.
   * @throws {GpuError} as `Device.upload` does.
   */
  constructor(device: Device, vocabulary: Vocabulary) {
    this.#device = device;
    this.vocabulary = vocabulary;
    this.#width = elementsOf(vocabulary.form);
    refuseRows(device, vocabulary.nodeCount, this.#width, "nodes");
    refuseManyChildren(vocabulary, this.#width);
    this.#texels = texelScratch(device);
    const scalar = vocabulary.form.kind === "float" ? "f32" : "u32";
    [this.#rows, this.#links] = device.allOrNothing(() => [
      uploadConstants(device, treeRows(vocabulary, this.#width), "vocabulary: tree", scalar),
      uploadConstants(device, treeLinks(vocabulary), "vocabulary: links", "u32"),
    ]);
  }

  /** Bytes of a descriptor on the GPU, its padding included. */
  get rowBytes(): number {
    return this.#width * 16;
  }

  /**
   * What finds the words of up to `most` descriptors: a dispatch a level.
   *
   * @param levelsUp how far above the lowest level the nodes are that are told, as in `Vocabulary.find`.
   * @throws {VocabularyError} if a range is too short for so many.
   */
  dispatches(ranges: TransformRanges, most: number, levelsUp: number): Dispatch[] {
    const { descriptors, live, reached, kept } = ranges;
    const level = this.vocabulary.levelAbove(levelsUp);
    this.refuseMore(most);
    if (
      descriptors.bytes < most * this.rowBytes || reached.bytes < most * 4 || kept.bytes < most * 4 ||
      live.bytes < 4
    ) {
      throw new VocabularyError(
        `Cannot prepare words of ${most} descriptors in ranges of ${descriptors.bytes}, ${reached.bytes} and ` +
          `${kept.bytes} bytes: they take ${most * this.rowBytes}, ${most * 4} and ${most * 4}`,
      );
    }
    const options = { inject: METRIC[this.vocabulary.form.kind] };
    return Array.from(
      { length: this.vocabulary.levels },
      (_, step) =>
        texelDispatch(this.#device, this.#texels, TRANSFORM, options, {
          label: `vocabulary: level ${step + 1}`,
          bindings: { descriptors, rows: this.#rows, links: this.#links, reached, kept, live },
          uniforms: { width: this.#width, first: Number(step === 0), keep: Number(step + 1 === level) },
          workgroups: transformGroups(most),
        }),
    );
  }

  /** @throws {VocabularyError} if so many descriptors are more than this adapter can hold. */
  refuseMore(most: number): void {
    refuseRows(this.#device, most, this.#width, "descriptors");
  }

  /** Words and nodes, from the places that were read back: those reached, and those kept. */
  words(reached: Uint32Array, kept: Uint32Array): Words {
    const { children, nodeWords } = this.vocabulary;
    const nodeAt = (place: number): number => place === 0 ? 0 : children[place - 1]!;
    const words = new Uint32Array(reached.length);
    const nodes = new Uint32Array(kept.length);
    for (let i = 0; i < reached.length; i++) {
      words[i] = nodeWords[nodeAt(reached[i]!)]!;
      nodes[i] = nodeAt(kept[i]!);
    }
    return { words, nodes };
  }

  /** Ends its buffers. */
  [Symbol.dispose](): void {
    destroyConstants(this.#rows);
    destroyConstants(this.#links);
    this.#texels?.[Symbol.dispose]();
  }
}

/** The grid for so many descriptors. */
export function transformGroups(count: number): Dispatch["workgroups"] {
  return foldWorkgroups(Math.ceil(count / LANES));
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

function refuseRows(device: Device, rows: number, width: number, what: string): void {
  const { maxStorageBufferBindingSize, maxBufferSize } = device.limits;
  const limit = Math.min(maxStorageBufferBindingSize, maxBufferSize);
  const bytes = rows * width * 16;
  if (bytes <= limit) return;
  throw new VocabularyError(
    `Cannot prepare words: ${rows} ${what} take ${bytes} bytes, and a buffer of this adapter holds ${limit}; take fewer`,
  );
}

function refuseManyChildren({ k, form }: Vocabulary, width: number): void {
  const iterations = k * (width + 1);
  if (iterations < MAX_ITERATIONS) return;
  throw new VocabularyError(
    `Cannot prepare words: ${k} children with descriptors of ${form.size} take ${iterations} loop iterations, and ` +
      `some adapters stop at ${MAX_ITERATIONS}; take a smaller k`,
  );
}
