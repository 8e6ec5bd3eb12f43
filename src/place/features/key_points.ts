/**
 * From the outputs of a network for local features to key points and their descriptors, on the GPU. It knows nothing of
 * networks or frames: it is given ranges, and gives dispatches and a range to read back.
 *
 * @module
 */
import {
  type BufferRange,
  type Device,
  type Dispatch,
  foldWorkgroups,
  type Kernel,
  type KernelOptions,
  packUniforms,
  texelDispatch,
  type TexelScratch,
  texelScratch,
  type UniformValues,
} from "../../gpu/mod.ts";
import type { Size } from "../../vision/fit.ts";
import {
  CELL_PIXELS,
  describeOutputs,
  isMap,
  KEY_POINT_CUSTOMS,
  type KeyPointCustom,
  type KeyPointHead,
  KeyPointHeadError,
  type KeyPointOutputs,
  LOGITS,
} from "./heads/mod.ts";
import type { DescriptorRows } from "./matcher.ts";
import cellsWgsl from "../../../shaders/place/key_point_cells.wgsl" with { type: "text" };
import describeWgsl from "../../../shaders/place/key_point_describe.wgsl" with { type: "text" };
import heatWgsl from "../../../shaders/place/key_point_heat.wgsl" with { type: "text" };
import orderWgsl from "../../../shaders/place/key_point_order.wgsl" with { type: "text" };
import peaksWgsl from "../../../shaders/place/key_point_peaks.wgsl" with { type: "text" };
import selectWgsl from "../../../shaders/place/key_point_select.wgsl" with { type: "text" };

/** Most key points of a frame that can be asked for. */
export const MAX_KEY_POINTS = 32768;
/** Most numbers of a descriptor. */
export const MAX_KEY_POINT_DIMENSIONS = 512;
/** Candidates of which a search for the best stays within the loops of software Vulkan. */
const MAX_CANDIDATES = 2_000_000;
const MAX_RADIUS = 32;
/** Numbers of a point: column, row, score. */
const POINT_WORDS = 3;
/** Where the parts of a result begin: any storage binding may. */
const ALIGNMENT = 256;
/** Key points that an invocation puts in order. */
const ORDERED = 8;

/** How key points are found; what is left out is as is customary for the family. */
export interface KeyPointSettings extends Partial<KeyPointCustom> {
  /** Most key points, the strongest: 1,000 unless given. */
  readonly maxFeatures?: number;
  /** Pixels at the edges of the area without key points: 4 unless given. */
  readonly border?: number;
  /** Whether positions are refined to parts of a pixel; yes unless given. */
  readonly refine?: boolean;
}

/** What is fixed when key points are prepared. */
export interface KeyPointOptions extends KeyPointSettings {
  readonly head: KeyPointHead;
  /** Size of the network's input. */
  readonly input: Size;
}

/** Key points in the pixels of the network's input; (0, 0) is the middle of the first. */
export interface RawKeyPoints {
  /** Column and row of each. */
  readonly points: Float32Array<ArrayBuffer>;
  /** Strongest first. */
  readonly scores: Float32Array<ArrayBuffer>;
  /** Of unit length, one after the other. */
  readonly descriptors: Float32Array<ArrayBuffer>;
  /** How many there were before the best were taken. */
  readonly candidates: number;
}

/** Part of the input where key points are looked for: first column and row, width and height, in pixels. */
export interface KeyPointArea extends Size {
  readonly x: number;
  readonly y: number;
}

/** Where positions of pixels lie among cells: `pixel * scale + shift`, for columns and rows. */
interface Placing extends UniformValues {
  readonly scale: [number, number];
  readonly shift: [number, number];
}

/**
 * Finds key points in a network's outputs: scores of pixels, their peaks, the best of them in order, positions within a
 * pixel, descriptors between cells. Of equal scores the lower pixel comes first, so that a frame always gives the same.
 *
 * A pixel's middle is a whole number. In XFeat's family the cells' middles are where its authors' implementation has
 * them, at `pixel * columns / (width - 1) - 0.5`, which at the edges of the picture is half a pixel away from where
 * they are: at `(pixel + 0.5) * columns / width - 0.5`, which the other families take.
 */
export class KeyPoints implements Disposable {
  /** To be recorded after the network, in this order. */
  readonly dispatches: readonly Dispatch[];
  /** What is read back. */
  readonly result: BufferRange;
  /** The descriptors, strongest first. */
  readonly rows: DescriptorRows;
  readonly maxFeatures: number;
  readonly #device: Device;
  readonly #options: KeyPointOptions;
  readonly #peaks: { kernel: Kernel; values: UniformValues; uniforms: BufferRange };
  readonly #border: number;
  readonly #texels: TexelScratch | undefined;
  #area: KeyPointArea | undefined;

  /**
   * Makes everything that frames will need.
   *
   * @param scratch gives memory for what lies between; it may be the stack of a stream.
   * @throws {KeyPointHeadError} if the outputs do not fit the head.
   * @throws {RangeError} if an option is out of its range.
   */
  constructor(
    device: Device,
    scratch: (bytes: number, label: string) => BufferRange,
    outputs: KeyPointOutputs,
    options: KeyPointOptions,
  ) {
    const { head, input, maxFeatures = 1000, border = 4, refine = true } = options;
    const custom = KEY_POINT_CUSTOMS[head.family];
    const { radius = custom.radius, threshold = custom.threshold, sampling = custom.sampling } = options;
    whole("maxFeatures", maxFeatures, 1, MAX_KEY_POINTS);
    whole("radius", radius, 0, MAX_RADIUS);
    whole("border", border, 0, 65535);
    if (!(threshold >= 0)) refuse("threshold", threshold, "0 or more");
    if (sampling !== "bilinear" && sampling !== "bicubic") {
      refuse("sampling", sampling, "bilinear or bicubic");
    }
    const { width, height } = input;
    const maps = mapsOf(head, outputs, input);
    const { rows, columns } = maps;
    const cells = rows * columns, width4 = Math.ceil(head.dimensions / 4);
    // Of pixels within a radius of each other one is a peak, as every two of a square of radius + 1 are.
    const most = Math.ceil(width / (radius + 1)) * Math.ceil(height / (radius + 1));
    if (most > MAX_CANDIDATES) {
      refuse(
        "radius",
        radius,
        `larger: ${width} x ${height} pixels have ${most} peaks at most, and ` +
          `${MAX_CANDIDATES} can be looked through`,
      );
    }
    this.#device = device;
    this.#texels = texelScratch(device);
    this.#options = options;
    this.#border = border;
    this.maxFeatures = maxFeatures;

    const pointsAt = ALIGNMENT;
    const rowsAt = pointsAt + Math.ceil(maxFeatures * POINT_WORDS * 4 / ALIGNMENT) * ALIGNMENT;
    const bytes = rowsAt + maxFeatures * width4 * 16;
    const { buffer, offset } = scratch(bytes, "key points: result");
    this.result = { buffer, offset, bytes };
    const part = (at: number, bytes: number): BufferRange => ({ buffer, offset: offset + at, bytes });
    const header = part(0, 16), points = part(pointsAt, maxFeatures * POINT_WORDS * 4);
    this.rows = { rows: part(rowsAt, maxFeatures * width4 * 16), count: header };

    const floats = (count: number, label: string): BufferRange =>
      scratch(Math.ceil(count / 4) * 16, `key points: ${label}`);
    const perCell = floats(cells * width4 * 4, "cells"), inverse = floats(cells, "lengths");
    const heat = head.family === "heat" ? maps.scores : floats(width * height, "heat");
    const candidates = floats(most * 2, "candidates"), state = floats(4, "counts");
    const kept = floats(Math.ceil(maxFeatures / ORDERED) * ORDERED * 2, "kept");
    const place = placing(head, input, maps);

    const dispatch = (
      name: string,
      wgsl: string,
      bindings: Record<string, BufferRange>,
      uniforms: UniformValues | BufferRange,
      invocations: number,
      kernel: KernelOptions = {},
    ): Dispatch =>
      texelDispatch(device, this.#texels, { name: `place/${name}`, wgsl }, kernel, {
        label: name,
        bindings,
        uniforms,
        workgroups: foldWorkgroups(Math.ceil(invocations / 64)),
      });
    const peaks = { overrides: { RADIUS: radius, RELIABLE: maps.reliability !== undefined } };
    const kernel = device.kernel({ name: "place/key_point_peaks", wgsl: peaksWgsl }, peaks);
    this.#peaks = {
      kernel,
      values: { width, height, columns, rows, ...place, threshold },
      uniforms: device.uploadUniforms(new Uint8Array(kernel.uniforms!.bytes), "key points: parameters"),
    };
    // A power of two; each lane has up to four parts of a row.
    const lanes = 2 ** Math.ceil(Math.log2(Math.max(width4 / 4, 1)));
    try {
      this.dispatches = [
        ...(head.family === "heat" ? [] : [
          dispatch(
            "key_point_heat",
            heatWgsl,
            { logits: maps.scores, heat },
            { columns, cells },
            cells,
          ),
        ]),
        dispatch(
          "key_point_cells",
          cellsWgsl,
          { map: maps.descriptors, cells: perCell, inverse, state },
          { cells },
          cells,
          { overrides: { DIMENSIONS: head.dimensions } },
        ),
        dispatch(
          "key_point_peaks",
          peaksWgsl,
          // Without reliability anything is bound in its place, and not looked at.
          { heat, reliability: maps.reliability ?? inverse, candidates, state },
          this.#peaks.uniforms,
          Math.ceil(width * height / 4),
          peaks,
        ),
        dispatch("key_point_select", selectWgsl, { candidates, state, kept }, { places: maxFeatures }, 1),
        dispatch(
          "key_point_order",
          orderWgsl,
          { kept, state, heat, header, points },
          { width, height },
          Math.ceil(maxFeatures / ORDERED),
          { overrides: { REFINE: refine } },
        ),
        dispatch(
          "key_point_describe",
          describeWgsl,
          { header, points, cells: perCell, inverse, rows: this.rows.rows },
          { columns, rows, width: width4, most: maxFeatures, ...place },
          maxFeatures * lanes,
          { overrides: { CUBIC: sampling === "bicubic", LANES: lanes } },
        ),
      ];
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
    this.setArea({ x: 0, y: 0, width, height });
  }

  /**
   * Where in the input key points are looked for, the border taken off, in frames recorded from now on: all of it unless
   * told. Creates nothing. No recorded, unsubmitted frame may be waiting.
   */
  setArea(area: KeyPointArea): void {
    const { x, y, width, height } = area;
    const now = this.#area;
    if (now && now.x === x && now.y === y && now.width === width && now.height === height) return;
    const [right, bottom] = [x + width - this.#border, y + height - this.#border];
    const values = {
      ...this.#peaks.values,
      area: [x + this.#border, y + this.#border, Math.max(right, 0), Math.max(bottom, 0)],
    };
    const { buffer, offset } = this.#peaks.uniforms;
    const packed = packUniforms(this.#peaks.kernel.uniforms!, values, "key points");
    this.#device.gpu.queue.writeBuffer(buffer, offset, packed);
    this.#area = { x, y, width, height };
  }

  /**
   * The key points of a result.
   *
   * @throws {RangeError} if the bytes are too few, or no result of this head.
   */
  parse(bytes: ArrayBuffer, offset = 0): RawKeyPoints {
    if (bytes.byteLength < offset + this.result.bytes) {
      throw new RangeError(
        `Cannot read key points: ${bytes.byteLength} bytes from ${offset} on; they take ${this.result.bytes}`,
      );
    }
    const words = new Uint32Array(bytes, offset, 2);
    const [count, candidates] = [words[0]!, words[1]!];
    if (count > this.maxFeatures) {
      throw new RangeError(
        `Cannot read key points: there are ${count} of them, and at most ${this.maxFeatures} were prepared; these ` +
          `bytes are no result of this head`,
      );
    }
    const found = new Float32Array(bytes, offset + ALIGNMENT, count * POINT_WORDS);
    const points = new Float32Array(count * 2), scores = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      points[2 * i] = found[i * POINT_WORDS]!;
      points[2 * i + 1] = found[i * POINT_WORDS + 1]!;
      scores[i] = found[i * POINT_WORDS + 2]!;
    }
    const { dimensions } = this.#options.head;
    const stride = Math.ceil(dimensions / 4) * 4;
    const rowsAt = this.rows.rows.offset - this.result.offset;
    const rows = new Float32Array(bytes, offset + rowsAt, count * stride);
    const descriptors = new Float32Array(count * dimensions);
    for (let i = 0; i < count; i++) {
      descriptors.set(rows.subarray(i * stride, i * stride + dimensions), i * dimensions);
    }
    return { points, scores, descriptors, candidates };
  }

  /** Frees what is not scratch: the parameters, and textures that kernels load through. */
  [Symbol.dispose](): void {
    this.#peaks.uniforms.buffer.destroy();
    this.#texels?.[Symbol.dispose]();
  }
}

interface Maps {
  readonly scores: BufferRange;
  readonly descriptors: BufferRange;
  readonly reliability: BufferRange | undefined;
  /** Of the descriptors. */
  readonly rows: number;
  readonly columns: number;
}

function mapsOf(head: KeyPointHead, outputs: KeyPointOutputs, input: Size): Maps {
  const shapes = Object.fromEntries(Object.entries(outputs).map(([name, { shape }]) => [name, shape]));
  const fail = (why: string): never => {
    throw new KeyPointHeadError(
      `Cannot find key points in the outputs ${describeOutputs(shapes)} of an input of ${input.width}x` +
        `${input.height}: ${why}`,
    );
  };
  const map = (name: string, channels: number, rows: number, columns: number): BufferRange => {
    const output = outputs[name];
    if (!output || !isMap(output.shape, channels, rows, columns)) {
      return fail(`"${name}" must be [1, ${channels}, ${rows}, ${columns}]`);
    }
    const bytes = channels * rows * columns * 4;
    if (output.range.bytes < bytes) fail(`"${name}" takes ${bytes} bytes and has ${output.range.bytes}`);
    return output.range;
  };
  const { family, dimensions } = head;
  if (!KEY_POINT_CUSTOMS[family]) {
    fail(`there is no family "${family}"; there are ${Object.keys(KEY_POINT_CUSTOMS).join(", ")}`);
  }
  if (!(dimensions >= 1 && dimensions <= MAX_KEY_POINT_DIMENSIONS)) {
    fail(`descriptors of ${dimensions} numbers; 1 to ${MAX_KEY_POINT_DIMENSIONS} can be read`);
  }
  const cells = [input.height / CELL_PIXELS, input.width / CELL_PIXELS] as const;
  const shape = shapes[head.descriptors] ?? [];
  const [rows, columns] = family === "heat" ? [shape[2] ?? 0, shape[3] ?? 0] : cells;
  if (!(rows > 0 && columns > 0)) fail(`"${head.descriptors}" must be [1, ${dimensions}, rows, columns]`);
  return {
    scores: family === "heat"
      ? map(head.scores, 1, input.height, input.width)
      : map(head.scores, LOGITS, ...cells),
    descriptors: map(head.descriptors, dimensions, rows, columns),
    reliability: family === "xfeat" ? map(head.reliability ?? "reliability", 1, ...cells) : undefined,
    rows,
    columns,
  };
}

function placing({ family }: KeyPointHead, { width, height }: Size, { rows, columns }: Maps): Placing {
  if (family === "xfeat") return { scale: [columns / (width - 1), rows / (height - 1)], shift: [-0.5, -0.5] };
  const scale: [number, number] = [columns / width, rows / height];
  return { scale, shift: [scale[0] / 2 - 0.5, scale[1] / 2 - 0.5] };
}

function whole(name: string, value: number, low: number, high: number): void {
  if (!Number.isInteger(value) || value < low || value > high) {
    refuse(name, value, `a whole number from ${low} to ${high}`);
  }
}

function refuse(name: string, value: unknown, range: string): never {
  throw new RangeError(`Cannot prepare key points: ${name} is ${value}; it must be ${range}`);
}
