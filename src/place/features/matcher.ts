/**
 * Which descriptors of two sets belong together: mutual nearest neighbours with the ratio test, on the GPU.
 *
 * @module
 */
import {
  type BufferRange,
  type Device,
  type Dispatch,
  type DispatchDescriptor,
  type KernelOptions,
  type KernelSource,
  Readback,
  type Stream,
  texelDispatch,
  type TexelScratch,
  texelScratch,
} from "../../gpu/mod.ts";
import matchBinaryWgsl from "../../../shaders/place/match_binary.wgsl" with { type: "text" };
import matchFloatWgsl from "../../../shaders/place/match_float.wgsl" with { type: "text" };
import matchMergeWgsl from "../../../shaders/place/match_merge.wgsl" with { type: "text" };
import matchPairsWgsl from "../../../shaders/place/match_pairs.wgsl" with { type: "text" };

const FLOAT: KernelSource = { name: "place/match_float", wgsl: matchFloatWgsl };
const BINARY: KernelSource = { name: "place/match_binary", wgsl: matchBinaryWgsl };
const MERGE: KernelSource = { name: "place/match_merge", wgsl: matchMergeWgsl };
const PAIRS: KernelSource = { name: "place/match_pairs", wgsl: matchPairsWgsl };

/** Most rows of a set. */
export const MAX_MATCHER_ROWS = 32768;
/** Most dimensions of a float descriptor: those that the inner loop of a part has within software Vulkan's limit. */
export const MAX_MATCHER_DIMENSIONS = 512;
/** Words before the matches in {@linkcode DescriptorMatcher.result}: matches, rows of a, rows of b, 0. */
export const MATCH_HEADER_WORDS = 4;
/** Words of a match: row of a, row of b, bits of the distance (squared for float descriptors). */
export const MATCH_WORDS = 3;
/** Words of a binary descriptor: 256 bits. */
export const BINARY_WORDS = 8;
/** Rows of one set that an invocation goes through. */
const PART = 256;

/** A set of descriptors on the GPU. One object serves as long as its memory does: what is bound is kept by object. */
export interface DescriptorRows {
  /** Row after row without gaps: `dimensions` floats, padded with zeros to a multiple of 4; or 8 words of bits. */
  readonly rows: BufferRange;
  /** A word: how many rows there are. */
  readonly count: BufferRange;
}

/** What is matched, and which matches are kept. */
export interface DescriptorMatcherOptions {
  /** Floats compared by their Euclidean distance, floats of unit length compared by their inner product, or bits. */
  readonly metric: "l2" | "inner" | "hamming";
  /** Floats of a descriptor; not given for bits, of which there are 256. */
  readonly dimensions?: number;
  /** Most rows of the first set. */
  readonly maxFirst: number;
  /** Most rows of the second set. */
  readonly maxSecond: number;
  /**
   * The nearest must be nearer than this part of the distance to the second nearest (D. Lowe, Distinctive image
   * features from scale-invariant keypoints, 2004: 0.8); not tested unless given.
   */
  readonly ratio?: number;
  /** Farthest that two may be apart: bits, or Euclidean distance (of unit vectors also with `inner`). */
  readonly maxDistance?: number;
  /** Whether each must be the other's nearest; yes unless given. */
  readonly mutual?: boolean;
}

/** Two descriptors that belong together. */
export interface DescriptorMatch {
  /** Row in the first set. */
  readonly first: number;
  /** Row in the second set. */
  readonly second: number;
  /** How far they are apart: bits, or Euclidean distance. */
  readonly distance: number;
}

/**
 * Finds for each row of one set the nearest and second nearest of another, and keeps what passes the tests, ordered by
 * the first row. Of equal distances the lower row is the nearest, and the ratio test refuses it. Everything is made once,
 * for stated maxima; {@linkcode match} records five dispatches and makes nothing for a pair of sets that it has seen.
 */
export class DescriptorMatcher implements Disposable {
  /** Header and matches; see {@linkcode MATCH_HEADER_WORDS} and {@linkcode MATCH_WORDS}. */
  readonly result: BufferRange;
  readonly #device: Device;
  readonly #options: DescriptorMatcherOptions;
  readonly #rowBytes: number;
  readonly #search: readonly [KernelSource, KernelOptions];
  readonly #partial: BufferRange;
  readonly #best: readonly [BufferRange, BufferRange];
  readonly #buffers: GPUBuffer[] = [];
  readonly #texels: TexelScratch | undefined;
  readonly #bound = new WeakMap<DescriptorRows, WeakMap<DescriptorRows, readonly Dispatch[]>>();
  #own: { a: DescriptorRows; b: DescriptorRows; readback: Readback } | undefined;

  /** @throws {RangeError} if an option is out of its range, with the range. */
  constructor(device: Device, options: DescriptorMatcherOptions) {
    check(options);
    this.#device = device;
    this.#texels = texelScratch(device);
    this.#options = options;
    const { metric, maxFirst, maxSecond } = options;
    this.#rowBytes = metric === "hamming" ? BINARY_WORDS * 4 : Math.ceil(options.dimensions! / 4) * 16;
    this.#search = metric === "hamming"
      ? [BINARY, { overrides: { PART } }]
      : [FLOAT, { overrides: { PART, INNER: metric === "inner" } }];
    const partial = Math.max(
      maxFirst * Math.ceil(maxSecond / PART),
      maxSecond * Math.ceil(maxFirst / PART),
    );
    this.#partial = this.#make(partial * 16, "matcher: parts");
    this.#best = [
      this.#make(maxFirst * 16, "matcher: nearest of the first"),
      this.#make(maxSecond * 16, "matcher: nearest of the second"),
    ];
    this.result = this.#make((MATCH_HEADER_WORDS + maxFirst * MATCH_WORDS) * 4, "matcher: result");
  }

  /**
   * Records the matching of two sets; {@linkcode result} holds the matches when it has run.
   *
   * @throws {RangeError} if a set's memory is no whole number of rows, or has more of them than was stated.
   */
  match(stream: Stream, a: DescriptorRows, b: DescriptorRows): void {
    let ofFirst = this.#bound.get(a);
    if (!ofFirst) this.#bound.set(a, ofFirst = new WeakMap());
    let dispatches = ofFirst.get(b);
    if (!dispatches) ofFirst.set(b, dispatches = this.#bind(a, b));
    stream.run(dispatches);
  }

  /**
   * Matches two sets of the host: uploads them, waits, and reads the matches.
   *
   * @param a rows without padding: floats for `l2` and `inner`, words of 32 bits for `hamming`.
   * @throws {RangeError} if a set is no whole number of rows, or has more of them than was stated.
   */
  async matchHost(
    stream: Stream,
    a: Float32Array | Uint32Array,
    b: Float32Array | Uint32Array,
  ): Promise<DescriptorMatch[]> {
    const { maxFirst, maxSecond } = this.#options;
    const sets = [this.#pack(a, maxFirst, "first"), this.#pack(b, maxSecond, "second")] as const;
    const own = this.#own ??= {
      a: this.#set(maxFirst, "first"),
      b: this.#set(maxSecond, "second"),
      readback: new Readback(this.#device, this.result.bytes, "matcher: readback"),
    };
    const { queue } = this.#device.gpu;
    // What was recorded before must not see the new rows.
    stream.submit();
    for (const [set, { words, count }] of [[own.a, sets[0]], [own.b, sets[1]]] as const) {
      if (count > 0) queue.writeBuffer(set.rows.buffer, set.rows.offset, words);
      queue.writeBuffer(set.count.buffer, set.count.offset, new Uint32Array([count]));
    }
    this.match(stream, own.a, own.b);
    own.readback.record(stream, this.result);
    stream.submit();
    return await own.readback.take((bytes) => this.read(bytes));
  }

  /** The matches that the bytes of {@linkcode result} tell of. */
  read(bytes: ArrayBuffer): DescriptorMatch[] {
    const words = new Uint32Array(bytes), floats = new Float32Array(bytes);
    const squared = this.#options.metric !== "hamming";
    return Array.from({ length: words[0]! }, (_, i) => {
      const at = MATCH_HEADER_WORDS + i * MATCH_WORDS;
      const distance = floats[at + 2]!;
      return {
        first: words[at]!,
        second: words[at + 1]!,
        distance: squared ? Math.sqrt(Math.max(distance, 0)) : distance,
      };
    });
  }

  /** Ends the buffers; a second call does nothing. */
  [Symbol.dispose](): void {
    for (const buffer of this.#buffers.splice(0)) buffer.destroy();
    this.#own?.readback[Symbol.dispose]();
    this.#own = undefined;
    this.#texels?.[Symbol.dispose]();
  }

  #bind(a: DescriptorRows, b: DescriptorRows): Dispatch[] {
    const { metric, maxFirst, maxSecond, ratio = 0, maxDistance = Infinity } = this.#options;
    const rowsA = this.#rowsOf(a, maxFirst, "first"), rowsB = this.#rowsOf(b, maxSecond, "second");
    const nearest = (
      from: DescriptorRows,
      to: DescriptorRows,
      sizes: [number, number],
      best: BufferRange,
    ) => {
      const [max_from, max_to] = sizes;
      const counts = { from_count: from.count, to_count: to.count };
      return [
        this.#dispatch(...this.#search, {
          label: "matcher: nearest in parts",
          bindings: { from_rows: from.rows, to_rows: to.rows, ...counts, partial: this.#partial },
          uniforms: { ...(metric !== "hamming" && { row_vec4: this.#rowBytes / 16 }), max_from, max_to },
          workgroups: [Math.ceil(max_from / (metric === "hamming" ? 256 : 512)), 1, Math.ceil(max_to / PART)],
        }),
        this.#dispatch(MERGE, { overrides: { PART } }, {
          label: "matcher: nearest",
          bindings: { partial: this.#partial, ...counts, best },
          uniforms: { max_from, max_to },
          workgroups: [Math.ceil(max_from / 64), 1, 1],
        }),
      ];
    };
    const square = (x: number): number => metric === "hamming" ? x : x * x;
    const forward = nearest(a, b, [rowsA, rowsB], this.#best[0]);
    const backward = this.#options.mutual === false ? [] : nearest(b, a, [rowsB, rowsA], this.#best[1]);
    return [
      ...forward,
      ...backward,
      this.#dispatch(PAIRS, { overrides: { MUTUAL: this.#options.mutual ?? true } }, {
        label: "matcher: pairs",
        bindings: {
          forward: this.#best[0],
          backward: this.#best[1],
          a_count: a.count,
          b_count: b.count,
          result: this.result,
        },
        uniforms: {
          max_a: rowsA,
          max_b: rowsB,
          // Below what stands for no second row.
          limit: Math.min(square(maxDistance), 2.9e38),
          ratio: square(ratio),
        },
        workgroups: [1, 1, 1],
      }),
    ];
  }

  #dispatch(source: KernelSource, options: KernelOptions, descriptor: DispatchDescriptor): Dispatch {
    return texelDispatch(this.#device, this.#texels, source, options, descriptor);
  }

  #rowsOf({ rows, count }: DescriptorRows, most: number, which: string): number {
    const there = rows.bytes / this.#rowBytes;
    if (!Number.isInteger(there) || there < 1 || there > most || count.bytes < 4) {
      throw new RangeError(
        `Cannot match: the ${which} set has ${rows.bytes} bytes of rows and ${count.bytes} of its count; give 1 to ` +
          `${most} rows of ${this.#rowBytes} bytes, and a word`,
      );
    }
    return there;
  }

  #pack(data: Float32Array | Uint32Array, most: number, which: string) {
    const { metric } = this.#options;
    const binary = metric === "hamming";
    const width = binary ? BINARY_WORDS : this.#options.dimensions!;
    const count = data.length / width;
    if (data instanceof Uint32Array !== binary || !Number.isInteger(count) || count > most) {
      throw new RangeError(
        `Cannot match: the ${which} set is a ${data.constructor.name} of ${data.length}; ${metric} takes at most ` +
          `${most} rows of ${width} in a ${binary ? "Uint32Array" : "Float32Array"}`,
      );
    }
    const stride = this.#rowBytes / 4;
    const words = binary ? new Uint32Array(count * stride) : new Float32Array(count * stride);
    for (let row = 0; row < count; row++) {
      words.set(data.subarray(row * width, (row + 1) * width), row * stride);
    }
    return { words, count };
  }

  #set(rows: number, which: string): DescriptorRows {
    return {
      rows: this.#make(rows * this.#rowBytes, `matcher: ${which} rows`),
      count: this.#make(16, `matcher: ${which} count`),
    };
  }

  #make(bytes: number, label: string): BufferRange {
    const buffer = this.#device.createBuffer({
      label,
      size: bytes,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    this.#buffers.push(buffer);
    return { buffer, offset: 0, bytes };
  }
}

function check(options: DescriptorMatcherOptions): void {
  const refuse = (name: string, value: unknown, range: string): never => {
    throw new RangeError(`Cannot make a matcher: ${name} is ${value}; it must be ${range}`);
  };
  const { metric, dimensions, ratio, maxDistance } = options;
  for (const name of ["maxFirst", "maxSecond"] as const) {
    const value = options[name];
    if (!Number.isInteger(value) || value < 1 || value > MAX_MATCHER_ROWS) {
      refuse(name, value, `a whole number from 1 to ${MAX_MATCHER_ROWS}`);
    }
  }
  if (metric === "hamming") {
    if (dimensions !== undefined) {
      refuse("dimensions", dimensions, "left out: binary descriptors have 256 bits");
    }
  } else if (!Number.isInteger(dimensions) || dimensions! < 1 || dimensions! > MAX_MATCHER_DIMENSIONS) {
    refuse("dimensions", dimensions, `a whole number from 1 to ${MAX_MATCHER_DIMENSIONS}`);
  }
  if (ratio !== undefined && !(ratio > 0 && ratio <= 1)) refuse("ratio", ratio, "over 0 and at most 1");
  if (maxDistance !== undefined && !(maxDistance >= 0)) refuse("maxDistance", maxDistance, "0 or more");
}
