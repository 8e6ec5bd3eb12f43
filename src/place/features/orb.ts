/**
 * Key points and binary descriptors without a network: FAST-9 corners and rotated BRIEF, on the GPU.
 *
 * @module
 */
import {
  alignUp,
  type BufferRange,
  type Device,
  type Dispatch,
  foldWorkgroups,
  type Kernel,
  type KernelOptions,
  packUniforms,
  Readback,
  type Stream,
  texelDispatch,
  type TexelScratch,
  texelScratch,
  type UniformValues,
} from "../../gpu/mod.ts";
import type { Size } from "../../vision/fit.ts";
import type { DescriptorRows } from "./matcher.ts";
import { ORB_PATTERN } from "./orb_pattern.ts";
import blurWgsl from "../../../shaders/place/orb_blur.wgsl" with { type: "text" };
import cellsWgsl from "../../../shaders/place/orb_cells.wgsl" with { type: "text" };
import describeWgsl from "../../../shaders/place/orb_describe.wgsl" with { type: "text" };
import greyWgsl from "../../../shaders/place/orb_grey.wgsl" with { type: "text" };
import fastWgsl from "../../../shaders/place/orb_fast.wgsl" with { type: "text" };
import orderWgsl from "../../../shaders/place/orb_order.wgsl" with { type: "text" };
import resizeWgsl from "../../../shaders/place/orb_resize.wgsl" with { type: "text" };
import selectWgsl from "../../../shaders/place/orb_select.wgsl" with { type: "text" };
import unpackWgsl from "../../../shaders/place/orb_unpack.wgsl" with { type: "text" };

/** Most levels of the pyramid. */
const MAX_LEVELS = 8;
/** Longest side of an image. */
const MAX_SIDE = 32767;
/** Side of the cells over which key points are spread. */
const CELL = 32;
/** Most key points. */
const MAX_FEATURES = 32768;
/** Radius of the disc whose centroid gives the orientation; the patch that a key point stands for is 31 pixels wide. */
const RADIUS = 15;
/** Where the parts of a result begin: any storage binding may. */
const ALIGNMENT = 256;
/** Key points that an invocation puts in order. */
const ORDERED = 8;
/** Words of a key point in {@linkcode OrbFeatures.keyPoints}. */
export const KEY_POINT_WORDS = 6;

/** The images, and what is looked for. */
export interface OrbOptions {
  /** Pixels of a row. */
  readonly width: number;
  /** Rows. */
  readonly height: number;
  /** Bytes from one row to the next, a multiple of 4; the width rounded up unless given. */
  readonly step?: number;
  /** Most key points: 1,000 unless given. Each level has its part by area. */
  readonly features?: number;
  /** Levels of the pyramid, 1 to 8: 8 unless given. */
  readonly levels?: number;
  /** How much smaller each level is than the one before: 1.2 unless given. */
  readonly scaleFactor?: number;
  /** By how much nine neighbours in a row differ from a corner: 20 unless given. */
  readonly threshold?: number;
  /**
   * Pixels at the edges of each level without key points: 31 unless given, as in OpenCV; at least 3. From 21 on, no
   * sample of a descriptor is beyond an edge.
   */
  readonly border?: number;
}

/** A key point. */
export interface KeyPoint {
  /** Column in pixels of the image; 0 is the middle of the first. */
  readonly x: number;
  /** Row in pixels of the image. */
  readonly y: number;
  /** Diameter in pixels of the image of the patch that is described. */
  readonly size: number;
  /** Orientation in degrees, 0 to 360, clockwise in the picture from the x axis. */
  readonly angle: number;
  /** FAST score: the largest threshold at which it is still a corner. */
  readonly response: number;
  /** Level of the pyramid. */
  readonly octave: number;
}

/** What was found in an image. */
export interface OrbResult {
  /** The key points, strongest first; of equal ones those of lower levels, then in the order of their cells. */
  readonly keyPoints: KeyPoint[];
  /** 8 words of 32 bits for each: as bytes, little endian, they are what OpenCV's ORB gives. */
  readonly descriptors: Uint32Array<ArrayBuffer>;
}

interface Level {
  readonly width: number;
  readonly height: number;
  readonly at: number;
}

/**
 * ORB-like features (E. Rublee and others, ORB: an efficient alternative to SIFT or SURF, 2011) of grey images of one
 * size. On each level of a pyramid FAST-9 corners that are larger than their eight neighbours are ranked by score within
 * cells of 32 x 32 pixels; from the best of the cells the level's part is taken by score. Key points are ranked by the
 * FAST score alone, where OpenCV ranks by Harris's. Everything is made in the constructor; for an image buffer that it
 * has seen, {@linkcode detect} makes nothing.
 *
 * Positions are those of the level times its scale, as in OpenCV.
 */
export class OrbFeatures implements Disposable {
  /** {@linkcode KEY_POINT_WORDS} words each, without gaps: x, y, size, angle, response (f32), octave (u32). */
  readonly keyPoints: BufferRange;
  /** Descriptors and their count on the GPU, as `DescriptorMatcher` with `hamming` takes them. */
  readonly rows: DescriptorRows;
  /** Count, key points and descriptors: what {@linkcode read} takes. */
  readonly result: BufferRange;
  /** Finds what is in level 0, a word a pixel: see {@linkcode fromGrey}. */
  readonly search: readonly Dispatch[];
  /** Most key points that can be found: as many as were asked for. */
  readonly maxFeatures: number;
  readonly #device: Device;
  readonly #width: number;
  readonly #height: number;
  readonly #step: number;
  readonly #buffers: GPUBuffer[] = [];
  readonly #texels: TexelScratch | undefined;
  readonly #pyramid: BufferRange;
  readonly #levels: readonly Level[];
  readonly #cells: { kernel: Kernel; values: UniformValues; uniforms: BufferRange };
  #area: Size | undefined;
  readonly #unpack = new WeakMap<BufferRange, Dispatch>();
  #own: { image: BufferRange; readback: Readback } | undefined;

  /**
   * @param scratch gives the memory; it may be the stack of a stream. Buffers of its own unless given.
   * @throws {RangeError} if an option is out of its range, with the range.
   */
  constructor(
    device: Device,
    options: OrbOptions,
    scratch: (bytes: number, label: string) => BufferRange = (bytes, label) => this.#make(bytes, label),
  ) {
    const { width, height } = options;
    const { features = 1000, levels: levelCount = 8, scaleFactor = 1.2, threshold = 20, border = 31 } =
      options;
    const step = options.step ?? Math.ceil(width / 4) * 4;
    whole("width", width, 1, MAX_SIDE);
    whole("height", height, 1, MAX_SIDE);
    whole("features", features, 1, MAX_FEATURES);
    whole("levels", levelCount, 1, MAX_LEVELS);
    whole("threshold", threshold, 1, 254);
    whole("border", border, 3, MAX_SIDE);
    whole("step", step, width, MAX_SIDE * 4);
    if (step % 4 !== 0) refuse("step", step, "a multiple of 4");
    if (!(scaleFactor > 1 && scaleFactor <= 4)) refuse("scaleFactor", scaleFactor, "over 1 and at most 4");
    this.#device = device;
    this.#texels = texelScratch(device);
    this.maxFeatures = features;
    [this.#width, this.#height, this.#step] = [width, height, step];

    const levels = pyramid(width, height, levelCount, scaleFactor);
    const last = levels.at(-1)!;
    const pixels = last.at + padded(last.width) * last.height;
    const table = levelTable(levels, features, scaleFactor, border);
    const params: UniformValues = { ...table.uniforms, levels: levelCount, pixels, border, threshold };
    const words = (count: number, label: string): BufferRange =>
      scratch(Math.ceil(Math.max(count, 1) / 4) * 16, `orb: ${label}`);
    this.#levels = levels;
    this.#pyramid = words(pixels, "pyramid");
    const keyPointBytes = Math.ceil(features * KEY_POINT_WORDS * 4 / ALIGNMENT) * ALIGNMENT;
    const piece = scratch(ALIGNMENT + keyPointBytes + features * 32, "orb: result");
    const part = (at: number, bytes: number): BufferRange => ({
      buffer: piece.buffer,
      offset: piece.offset + at,
      bytes,
    });
    this.result = part(0, ALIGNMENT + keyPointBytes + features * 32);
    this.keyPoints = part(ALIGNMENT, features * KEY_POINT_WORDS * 4);
    this.rows = { rows: part(ALIGNMENT + keyPointBytes, features * 32), count: part(0, 16) };
    const blurred = words(pixels, "blurred");
    const [scores, rows] = [words(pixels, "scores"), words(pixels, "blurred rows")];
    const candidates = words(table.candidates * 2, "candidates");
    const selected = words(Math.ceil(features / ORDERED) * ORDERED * 2, "selected");
    const [counts, order] = [words(MAX_LEVELS, "counts of levels"), words(features, "order")];
    const pattern = device.upload(patternTable(), "orb: pattern");
    this.#buffers.push(pattern.buffer);
    const dispatch = (
      name: string,
      wgsl: string,
      bindings: Record<string, BufferRange>,
      workgroups: readonly [number, number, number],
      kernel: KernelOptions = {},
      uniforms: UniformValues | BufferRange = params,
    ): Dispatch =>
      texelDispatch(device, this.#texels, { name: `place/${name}`, wgsl }, kernel, {
        label: name,
        bindings,
        uniforms,
        workgroups,
      });
    const cells = device.kernel({ name: "place/orb_cells", wgsl: cellsWgsl });
    const cellUniforms = device.uploadUniforms(new Uint8Array(cells.uniforms!.bytes), "orb: parameters");
    this.#buffers.push(cellUniforms.buffer);
    this.#cells = { kernel: cells, values: params, uniforms: cellUniforms };
    const fours = foldWorkgroups(Math.ceil(pixels / 4 / 64));
    // Of four rows each; a level's last ones may be fewer.
    const tall = levels.reduce(
      (sum, { width, height }) => sum + Math.ceil(width / 4) * Math.ceil(height / 4),
      0,
    );
    const sixteens = foldWorkgroups(Math.ceil(tall / 64));
    this.search = [
      ...levels.slice(1).map((to, i) => this.#resize(levels[i]!, to)),
      dispatch("orb_fast", fastWgsl, { pyramid: this.#pyramid, scores }, fours),
      dispatch("orb_blur", blurWgsl, { x: this.#pyramid, y: rows }, fours),
      dispatch("orb_blur", blurWgsl, { x: rows, y: blurred }, sixteens, {
        overrides: { DOWN: true },
      }),
      dispatch("orb_cells", cellsWgsl, { scores, candidates }, foldWorkgroups(table.cells), {}, cellUniforms),
      // Levels that there are not have none selected: their counts are read, and lie in memory that others wrote to.
      dispatch("orb_select", selectWgsl, { candidates, selected, counts }, [MAX_LEVELS, 1, 1]),
      dispatch(
        "orb_order",
        orderWgsl,
        { selected, counts, order, count: this.rows.count },
        [
          Math.ceil(features / ORDERED / 64),
          1,
          1,
        ],
        {},
        { places: features },
      ),
      dispatch("orb_describe", describeWgsl, {
        pyramid: this.#pyramid,
        blurred,
        selected,
        order,
        table: pattern,
        key_points: this.keyPoints,
        descriptors: this.rows.rows,
        count: this.rows.count,
      }, foldWorkgroups(features)),
    ];
    this.setArea({ width, height });
  }

  /**
   * Which part of the image, from its first pixel on, features are looked for in, in frames recorded from now on: all of it
   * unless told. Creates nothing. No recorded, unsubmitted frame may be waiting.
   */
  setArea({ width, height }: Size): void {
    if (this.#area?.width === width && this.#area.height === height) return;
    const areas = Array<number>(MAX_LEVELS * 4).fill(0);
    for (const [i, level] of this.#levels.entries()) {
      areas[i * 4] = Math.floor(level.width * width / this.#width);
      areas[i * 4 + 1] = Math.floor(level.height * height / this.#height);
    }
    const { kernel, values, uniforms } = this.#cells;
    const packed = packUniforms(kernel.uniforms!, { ...values, areas }, "orb");
    this.#device.gpu.queue.writeBuffer(uniforms.buffer, uniforms.offset, packed);
    this.#area = { width, height };
  }

  /**
   * What makes level 0 of grey pixels in the form of a network's input: four lanes a pixel, grey from 0 to 255 in the first.
   * {@linkcode search} comes after it.
   *
   * @throws {RangeError} if there are too few pixels.
   */
  fromGrey(x: BufferRange): Dispatch {
    const pixels = this.#width * this.#height;
    if (x.bytes < pixels * 16) {
      throw new RangeError(
        `Cannot detect features: ${x.bytes} bytes of pixels; ${this.#width} x ${this.#height} take ${
          pixels * 16
        }`,
      );
    }
    return texelDispatch(this.#device, this.#texels, { name: "place/orb_grey", wgsl: greyWgsl }, {}, {
      label: "orb_grey",
      bindings: { x, pyramid: this.#pyramid },
      uniforms: { width: this.#width, height: this.#height },
      workgroups: foldWorkgroups(Math.ceil(padded(this.#width) * this.#height / 64)),
    });
  }

  /**
   * Records the search; {@linkcode keyPoints} and {@linkcode rows} hold what was found when it has run.
   *
   * @param image grey bytes, `step` from one row to the next. One object serves as long as its memory does: what is
   * bound is kept by object.
   * @throws {RangeError} if it is too small.
   */
  detect(stream: Stream, image: BufferRange): void {
    let unpack = this.#unpack.get(image);
    if (!unpack) {
      const least = this.#step * (this.#height - 1) + Math.ceil(this.#width / 4) * 4;
      if (image.bytes < least) {
        throw new RangeError(
          `Cannot detect features: the image has ${image.bytes} bytes; ${this.#height} rows of ${this.#width} ` +
            `pixels at a step of ${this.#step} take ${least}`,
        );
      }
      unpack = texelDispatch(this.#device, this.#texels, { name: "place/orb_unpack", wgsl: unpackWgsl }, {}, {
        bindings: { image, pyramid: this.#pyramid },
        uniforms: { width: this.#width, height: this.#height, step: this.#step / 4 },
        workgroups: [Math.ceil(this.#width / 256), this.#height, 1],
      });
      this.#unpack.set(image, unpack);
    }
    stream.run(unpack);
    stream.run(this.search);
  }

  /** What a readback of all results takes: see {@linkcode record}. */
  get resultBytes(): number {
    return this.result.bytes;
  }

  /** Records the copy of all results; the bytes it takes are for {@linkcode read}. */
  record(stream: Stream, readback: Readback): void {
    readback.record(stream, this.result);
  }

  /**
   * What the bytes of a readback tell of.
   *
   * @param offset where they begin, a multiple of 4.
   * @throws {RangeError} if they are too few, or no result of this object.
   */
  read(bytes: ArrayBuffer, offset = 0): OrbResult {
    if (bytes.byteLength < offset + this.result.bytes) {
      throw new RangeError(
        `Cannot read features: ${bytes.byteLength} bytes from ${offset} on; they take ${this.result.bytes}`,
      );
    }
    const words = new Uint32Array(bytes, offset, this.result.bytes / 4);
    const floats = new Float32Array(bytes, offset, this.result.bytes / 4);
    const count = words[0]!;
    if (count > this.maxFeatures) {
      throw new RangeError(
        `Cannot read features: there are ${count} of them, and at most ${this.maxFeatures} were prepared`,
      );
    }
    const first = (this.keyPoints.offset - this.result.offset) / 4;
    const descriptors = (this.rows.rows.offset - this.result.offset) / 4;
    return {
      keyPoints: Array.from({ length: count }, (_, i) => {
        const at = first + i * KEY_POINT_WORDS;
        const [x, y, size, angle, response] = floats.subarray(at, at + 5);
        return { x: x!, y: y!, size: size!, angle: angle!, response: response!, octave: words[at + 5]! };
      }),
      descriptors: words.slice(descriptors, descriptors + count * 8),
    };
  }

  /**
   * Uploads an image of the host, waits, and reads what was found in it.
   *
   * @param pixels `width * height` bytes, row by row without padding.
   * @throws {RangeError} if it has another length.
   */
  async detectHost(stream: Stream, pixels: Uint8Array): Promise<OrbResult> {
    if (pixels.length !== this.#width * this.#height) {
      throw new RangeError(
        `Cannot detect features: the image has ${pixels.length} bytes, not ${this.#width} x ${this.#height}`,
      );
    }
    const own = this.#own ??= {
      image: this.#make(this.#step * this.#height, "orb: image"),
      readback: new Readback(this.#device, this.resultBytes, "orb: readback"),
    };
    const rows = new Uint8Array(this.#step * this.#height);
    for (let y = 0; y < this.#height; y++) {
      rows.set(pixels.subarray(y * this.#width, (y + 1) * this.#width), y * this.#step);
    }
    // What was recorded before must not see the new image.
    stream.submit();
    this.#device.gpu.queue.writeBuffer(own.image.buffer, 0, rows);
    this.detect(stream, own.image);
    this.record(stream, own.readback);
    stream.submit();
    return await own.readback.take((bytes) => this.read(bytes));
  }

  /** Ends the buffers; a second call does nothing. */
  [Symbol.dispose](): void {
    for (const buffer of this.#buffers.splice(0)) buffer.destroy();
    this.#own?.readback[Symbol.dispose]();
    this.#own = undefined;
    this.#texels?.[Symbol.dispose]();
  }

  #resize(from: Level, to: Level): Dispatch {
    const { buffer, offset } = this.#pyramid;
    const part = ({ width, height, at }: Level): BufferRange => ({
      buffer,
      offset: offset + at * 4,
      bytes: padded(width) * height * 4,
    });
    return texelDispatch(this.#device, this.#texels, { name: "place/orb_resize", wgsl: resizeWgsl }, {}, {
      label: "orb_resize",
      bindings: { x: part(from), y: part(to) },
      uniforms: {
        from_width: from.width,
        from_height: from.height,
        to_width: to.width,
        to_height: to.height,
      },
      workgroups: [Math.ceil(padded(to.width) / 64), to.height, 1],
    });
  }

  #make(bytes: number, label: string): BufferRange {
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
    const buffer = this.#device.createBuffer({ label, size: bytes, usage });
    this.#buffers.push(buffer);
    return { buffer, offset: 0, bytes };
  }
}

/** Pixels of a row of a level, which begins where four of them can be read at once. */
function padded(width: number): number {
  return Math.ceil(width / 4) * 4;
}

function pyramid(width: number, height: number, count: number, factor: number): Level[] {
  let at = 0;
  return Array.from({ length: count }, (_, i) => {
    const scale = factor ** i;
    const [w, h] = [Math.max(Math.round(width / scale), 1), Math.max(Math.round(height / scale), 1)];
    const level = { width: w, height: h, at };
    // Each begins where a binding may.
    at += alignUp(padded(w) * h, ALIGNMENT / 4);
    return level;
  });
}

/** The table that kernels have of the levels; see `shaders/place/orb_cells.wgsl`. */
function levelTable(levels: readonly Level[], features: number, factor: number, border: number) {
  const [sizes, cells, quotas, scales] = Array.from(
    { length: 4 },
    () => Array<number>(MAX_LEVELS * 4).fill(0),
  ) as [
    number[],
    number[],
    number[],
    number[],
  ];
  const parts = levels.map((_, i) => factor ** (-2 * i));
  const whole = parts.reduce((sum, part) => sum + part, 0);
  let [firstCell, firstCandidate, given, part] = [0, 0, 0, 0];
  for (const [i, { width, height, at }] of levels.entries()) {
    const across = Math.max(Math.ceil((width - 2 * border) / CELL), 0);
    const down = Math.max(Math.ceil((height - 2 * border) / CELL), 0);
    const count = across * down;
    part += parts[i]!;
    // The sums are rounded, so that the parts are all of it.
    const quota = Math.round(features * part / whole) - given;
    // Four times its share lets a rich cell stand in for poor ones, and no cell takes a level.
    const most = count === 0 ? 0 : Math.min(Math.max(Math.ceil(4 * quota / count), 2), CELL * CELL / 4);
    sizes.splice(i * 4, 4, width, height, at, across);
    cells.splice(i * 4, 4, firstCell, count, most, firstCandidate);
    quotas.splice(i * 4, 2, quota, given);
    scales[i * 4] = factor ** i;
    firstCell += count;
    firstCandidate += count * most;
    given += quota;
  }
  return { uniforms: { sizes, cells, quotas, scales }, cells: firstCell, candidates: firstCandidate };
}

/** The pairs of samples, four signed bytes a word, and half the width of the disc at each distance from its middle row. */
function patternTable(): Uint32Array<ArrayBuffer> {
  const table = new Uint32Array(256 + RADIUS + 1);
  new Uint8Array(table.buffer).set(new Uint8Array(ORB_PATTERN.buffer));
  // The disc is the same from above and from the side: rows beyond the diagonal follow from the columns of the others.
  const diagonal = Math.ceil(RADIUS * Math.SQRT1_2);
  const near = Array.from({ length: diagonal + 1 }, (_, v) => Math.round(Math.sqrt(RADIUS ** 2 - v ** 2)));
  const half = Array.from(
    { length: RADIUS + 1 },
    (_, v) => near[v] ?? near.findLastIndex((reach) => reach >= v),
  );
  table.set(half, 256);
  return table;
}

function whole(name: string, value: number, low: number, high: number): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    refuse(name, value, `a whole number from ${low} to ${high}`);
  }
}

function refuse(name: string, value: number, range: string): never {
  throw new RangeError(`Cannot prepare ORB features: ${name} is ${value}; it must be ${range}`);
}
