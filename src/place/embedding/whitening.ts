/**
 * PCA whitening: descriptors are turned to the directions of largest variance, each divided by its deviation, and made of
 * unit length, after {@link https://hal.inria.fr/hal-00722622 Jégou and Chum, Negative evidences and co-occurrences in image retrieval}.
 *
 * @module
 */
import { type BufferRange, type Device, type Dispatch, foldWorkgroups } from "../../gpu/mod.ts";
import projectText from "../../../shaders/place/project_rows.wgsl" with { type: "text" };
import { crc32 } from "../files/crc32.ts";
import { symmetricEigen } from "./eigen.ts";
import { normalizeDispatch } from "./pooling.ts";

const MAGIC = "FWWHITE\0";
const HEADER_BYTES = 24;

/** A trained whitening. */
export class Whitening {
  /** Elements of a descriptor before. */
  readonly dimensions: number;
  /** Elements of a descriptor after. */
  readonly components: number;
  /** `components * dimensions` elements, row by row. */
  readonly matrix: Float32Array<ArrayBuffer>;
  /** What is taken off a descriptor before the product with the matrix. */
  readonly mean: Float32Array<ArrayBuffer>;

  /** @throws {RangeError} if the lengths do not come out. */
  constructor(mean: Float32Array<ArrayBuffer>, matrix: Float32Array<ArrayBuffer>) {
    const components = matrix.length / mean.length;
    if (!Number.isInteger(components) || components < 1) {
      throw new RangeError(
        `Cannot whiten ${mean.length} dimensions by a matrix of ${matrix.length} elements: give whole rows`,
      );
    }
    this.dimensions = mean.length;
    this.components = components;
    this.mean = mean;
    this.matrix = matrix;
  }

  /**
   * Trains on descriptors: `n * dimensions` elements.
   *
   * @param options `components`: how many directions are kept, default all; `floor`: variances below this share of the
   * largest count as that much, so that directions without variance are not blown up; default 1e-6.
   * @throws {RangeError} for fewer than two descriptors, components out of range, or elements that are no numbers.
   */
  static train(
    rows: Float32Array,
    dimensions: number,
    options: { components?: number; floor?: number } = {},
  ): Whitening {
    const { components = dimensions, floor = 1e-6 } = options;
    const count = rows.length / dimensions;
    if (!Number.isInteger(count) || count < 2) {
      throw new RangeError(
        `Cannot train a whitening on ${rows.length} elements: give two or more descriptors of ${dimensions}`,
      );
    }
    if (!Number.isInteger(components) || components < 1 || components > dimensions || !(floor > 0)) {
      throw new RangeError(
        `Cannot whiten ${dimensions} dimensions to ${components}, floor ${floor}: give a whole number from 1 to ` +
          `${dimensions}, and a floor above 0`,
      );
    }
    const mean = new Float64Array(dimensions);
    for (let i = 0; i < rows.length; i++) mean[i % dimensions]! += rows[i]! / count;
    const { values, vectors } = symmetricEigen(covariance(rows, mean), dimensions);
    const least = Math.max(values[0]! * floor, Number.MIN_VALUE);
    const matrix = new Float32Array(components * dimensions);
    for (let c = 0; c < components; c++) {
      const factor = values[0]! > 0 ? 1 / Math.sqrt(Math.max(values[c]!, least)) : 0;
      for (let i = 0; i < dimensions; i++) matrix[c * dimensions + i] = vectors[c * dimensions + i]! * factor;
    }
    return new Whitening(Float32Array.from(mean), matrix);
  }

  /** Whitens descriptors on the host, to unit length. @throws {RangeError} if they are no whole descriptors. */
  apply(rows: Float32Array): Float32Array<ArrayBuffer> {
    const { dimensions, components, matrix, mean } = this;
    const count = rows.length / dimensions;
    if (!Number.isInteger(count)) {
      throw new RangeError(`Cannot whiten ${rows.length} elements: give descriptors of ${dimensions}`);
    }
    const result = new Float32Array(count * components);
    for (let row = 0; row < count; row++) {
      const y = new Float64Array(components);
      let square = 0;
      for (let c = 0; c < components; c++) {
        let sum = 0;
        for (let i = 0; i < dimensions; i++) {
          sum += matrix[c * dimensions + i]! * (rows[row * dimensions + i]! - mean[i]!);
        }
        y[c] = sum;
        square += sum * sum;
      }
      const length = square > 0 ? Math.sqrt(square) : 1;
      for (let c = 0; c < components; c++) result[row * components + c] = y[c]! / length;
    }
    return result;
  }

  /** The file's bytes: "FWWHITE\0", dimensions, components, CRC-32 of what follows, 0; the mean and the matrix. */
  save(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(HEADER_BYTES + (this.mean.length + this.matrix.length) * 4);
    const view = new DataView(bytes.buffer);
    for (let i = 0; i < MAGIC.length; i++) bytes[i] = MAGIC.charCodeAt(i);
    view.setUint32(8, this.dimensions, true);
    view.setUint32(12, this.components, true);
    let at = HEADER_BYTES;
    for (const values of [this.mean, this.matrix]) {
      for (const value of values) {
        view.setFloat32(at, value, true);
        at += 4;
      }
    }
    view.setUint32(16, crc32(bytes.subarray(HEADER_BYTES)), true);
    return bytes;
  }

  /** Reads what {@linkcode save} wrote. @throws {RangeError} if it is anything else, or damaged. */
  static load(bytes: Uint8Array): Whitening {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    if (bytes.length < HEADER_BYTES || [...MAGIC].some((c, i) => bytes[i] !== c.charCodeAt(0))) {
      throw new RangeError(`Cannot load a whitening: the ${bytes.length} bytes do not begin with "FWWHITE"`);
    }
    const [dimensions, components, check] = [8, 12, 16].map((at) => view.getUint32(at, true)) as [
      number,
      number,
      number,
    ];
    const wanted = HEADER_BYTES + (components + 1) * dimensions * 4;
    if (bytes.length !== wanted || crc32(bytes.subarray(HEADER_BYTES)) !== check) {
      throw new RangeError(
        `Cannot load a whitening of ${dimensions} to ${components} dimensions: ${bytes.length} bytes where it has ` +
          `${wanted}, or a wrong checksum; use a whole copy of the file`,
      );
    }
    const values = (first: number, length: number): Float32Array<ArrayBuffer> =>
      Float32Array.from({ length }, (_, i) => view.getFloat32(HEADER_BYTES + (first + i) * 4, true));
    return new Whitening(values(0, dimensions), values(dimensions, dimensions * components));
  }
}

/** A whitening on the GPU. */
export class WhiteningStep implements Disposable {
  readonly #device: Device;
  readonly #whitening: Whitening;
  readonly #matrix: BufferRange;
  readonly #mean: BufferRange;

  /** Uploads the matrix. @throws {GpuError} as `device.upload` does. */
  constructor(device: Device, whitening: Whitening) {
    const { dimensions, components, matrix, mean } = whitening;
    const packed = new Float32Array(Math.ceil(components / 4) * 4 * dimensions);
    for (let c = 0; c < components; c++) {
      for (let i = 0; i < dimensions; i++) {
        packed[((c >> 2) * dimensions + i) * 4 + (c & 3)] = matrix[c * dimensions + i]!;
      }
    }
    this.#device = device;
    this.#whitening = whitening;
    this.#matrix = device.upload(packed, "whitening");
    this.#mean = device.upload(mean, "whitening, mean");
  }

  /**
   * What whitens `rows` descriptors of 32-bit floats that lie one after the other, to unit length; made once, run every
   * frame.
   *
   * @throws {RangeError} if a range is too short.
   */
  dispatches(source: BufferRange, target: BufferRange, rows = 1): Dispatch[] {
    const { dimensions: inputs, components: outputs } = this.#whitening;
    if (source.bytes < rows * inputs * 4 || target.bytes < rows * outputs * 4) {
      throw new RangeError(
        `Cannot whiten ${rows} descriptors from ${source.bytes} to ${target.bytes} bytes: give ${
          rows * inputs * 4
        } and ${rows * outputs * 4}`,
      );
    }
    const kernel = this.#device.kernel({ name: "place/project_rows", wgsl: projectText }, {
      overrides: { INPUTS: inputs },
    });
    return [
      this.#device.dispatch(kernel, {
        bindings: { x: source, matrix: this.#matrix, mean: this.#mean, y: target },
        uniforms: { rows, outputs },
        workgroups: foldWorkgroups(Math.ceil(rows * Math.ceil(outputs / 4) / 64)),
      }),
      normalizeDispatch(this.#device, target, rows, outputs),
    ];
  }

  /** Ends the matrix. */
  [Symbol.dispose](): void {
    this.#matrix.buffer.destroy();
    this.#mean.buffer.destroy();
  }
}

function covariance(rows: Float32Array, mean: Float64Array): Float64Array {
  const d = mean.length, count = rows.length / d;
  const sums = new Float64Array(d * d), centred = new Float64Array(d);
  for (let row = 0; row < count; row++) {
    for (let i = 0; i < d; i++) centred[i] = rows[row * d + i]! - mean[i]!;
    for (let i = 0; i < d; i++) {
      const x = centred[i]!;
      for (let j = i; j < d; j++) sums[i * d + j]! += x * centred[j]!;
    }
  }
  for (let i = 0; i < d; i++) {
    for (let j = i; j < d; j++) sums[j * d + i] = sums[i * d + j] = sums[i * d + j]! / (count - 1);
  }
  return sums;
}
