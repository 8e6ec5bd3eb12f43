import type { Allocation } from "./allocator.ts";
import { GpuError } from "./errors.ts";
import { asBytes, asElements, asWords, matrixKernel, type MatrixView } from "./matrix_kernel.ts";
import {
  elementArray,
  MATRIX_DEPTHS,
  type MatrixChannels,
  type MatrixData,
  type MatrixDepth,
  type MatrixType,
  matrixType,
  parseMatrixType,
  scalarBits,
} from "./matrix_type.ts";
import type { Stream } from "./stream.ts";
import convertWgsl from "../../shaders/matrix/convert.wgsl" with { type: "text" };
import copyWgsl from "../../shaders/matrix/copy.wgsl" with { type: "text" };
import copyMaskedWgsl from "../../shaders/matrix/copy_masked.wgsl" with { type: "text" };
import setWgsl from "../../shaders/matrix/set.wgsl" with { type: "text" };
import setMaskedWgsl from "../../shaders/matrix/set_masked.wgsl" with { type: "text" };

const CONVERT = matrixKernel("matrix/convert", convertWgsl);
const COPY = matrixKernel("matrix/copy", copyWgsl);
const COPY_MASKED = matrixKernel("matrix/copy_masked", copyMaskedWgsl);
const SET = matrixKernel("matrix/set", setWgsl);
const SET_MASKED = matrixKernel("matrix/set_masked", setMaskedWgsl);

/** Longest side of a matrix: positions of a resize are kept as whole numbers of 32 bits. */
export const MAX_MATRIX_SIDE = 32767;

/** Where a matrix lies, for the class's own use. */
export interface MatrixPlace {
  /** The memory. */
  readonly allocation: Allocation;
  /** Bytes from its start to the first pixel. */
  readonly offset: number;
  /** Bytes from one row to the next. */
  readonly step: number;
  /** The matrix that this is a region of. */
  readonly parent?: Matrix;
}

/**
 * A matrix on the GPU, after `cv::cuda::GpuMat`: rows of pixels of one to four channels. Elements of 8 and 16 bits lie
 * packed, rows are padded to whole groups of four pixels. Everything that is called on it is recorded on its stream, in
 * the order of the calls; nothing runs before the stream is submitted, which {@linkcode Matrix.download} does. An
 * operation on two matrices is recorded on the stream of the one that is written: where the other is of another stream,
 * that stream is submitted first, by the caller.
 *
 * Made by `stream.pool.getBuffer()`. On a stack, matrices are released in the reverse order of their making, as `using`
 * does.
 *
 * @example
 * ```ts
 * import { Device } from "@framewise/framewise";
 *
 * using device = await Device.request();
 * using stream = device.stream();
 * using image = stream.pool.getBuffer(2, 3, "8UC1");
 * image.setTo(7);
 * image.roi(1, 0, 2, 1).setTo(9);
 * console.assert(String(await image.download()) === "7,9,9,7,7,7");
 * ```
 */
export class Matrix<T extends MatrixType = MatrixType> implements MatrixView, Disposable {
  /** The stream that its work is recorded on. */
  readonly stream: Stream;
  /** What it is called in messages. */
  readonly label: string;
  /** How many rows it has. */
  readonly rows: number;
  /** How many pixels a row has. */
  readonly cols: number;
  /** Depth and channels. */
  readonly type: T;
  /** What its elements are. */
  readonly depth: MatrixDepth;
  /** Elements of a pixel. */
  readonly channels: MatrixChannels;
  /** Bytes of an element: 1, 2 or 4. */
  readonly elementBytes: number;
  /** The memory that it lies in; that of the whole matrix for a region. */
  readonly allocation: Allocation;
  /** Bytes from the allocation's start to the first pixel. */
  readonly offset: number;
  /** Row pitch: bytes from one row to the next. */
  readonly step: number;
  /** The matrix that it is a region of. */
  readonly parent: Matrix | undefined;
  #released = false;

  /** Made by `stream.pool` and {@linkcode Matrix.roi}. */
  constructor(stream: Stream, rows: number, cols: number, type: T, label: string, place: MatrixPlace) {
    const { depth, channels, elementBytes } = parseMatrixType(type);
    this.stream = stream;
    this.label = label;
    this.rows = rows;
    this.cols = cols;
    this.type = type;
    this.depth = depth;
    this.channels = channels;
    this.elementBytes = elementBytes;
    this.allocation = place.allocation;
    this.offset = place.offset;
    this.step = place.step;
    this.parent = place.parent;
  }

  /** Whether it is a matrix of its own, not a region of one. */
  get whole(): boolean {
    return this.parent === undefined;
  }

  /** Elements in a row and column order without padding: `rows * cols * channels`. */
  get elements(): number {
    return this.rows * this.cols * this.channels;
  }

  /** Whether it, or the matrix that it is a region of, was released. */
  get released(): boolean {
    return this.#released || this.allocation.freed || (this.parent?.released ?? false);
  }

  /**
   * Writes the elements of all pixels, row by row without padding. What was recorded before is submitted first, since
   * writes of the host take effect ahead of recorded work.
   *
   * @throws {GpuError} if `data` has another count or kind of elements, or the matrix was released.
   */
  upload(data: MatrixData<T>): void {
    this.check("upload to");
    const expected = elementArray(this.depth, 0);
    if (data.constructor !== expected.constructor && !clamped(data, expected)) {
      throw new GpuError(
        `Cannot upload to ${this.describe()}: it takes a ${expected.constructor.name}, not a ${data.constructor?.name}`,
      );
    }
    if (data.length !== this.elements) {
      throw new GpuError(
        `Cannot upload to ${this.describe()}: it has ${this.elements} elements, ${data.length} were given`,
      );
    }
    if (!this.whole) {
      // Its bytes share words with other pixels, which only a kernel keeps.
      using whole = this.stream.pool.getBuffer(this.rows, this.cols, this.type, `${this.label}: upload`);
      whole.upload(data);
      whole.copyTo(this);
      return;
    }
    this.stream.submit();
    const { queue } = this.stream.device.gpu;
    const rowBytes = this.cols * this.channels * this.elementBytes;
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    if (rowBytes === this.step) {
      queue.writeBuffer(this.allocation.buffer, this.allocation.offset, bytes);
      return;
    }
    const padded = new Uint8Array(this.rows * this.step);
    for (let row = 0; row < this.rows; row++) {
      padded.set(bytes.subarray(row * rowBytes, (row + 1) * rowBytes), row * this.step);
    }
    queue.writeBuffer(this.allocation.buffer, this.allocation.offset, padded);
  }

  /**
   * Submits the stream and reads all pixels, row by row without padding. The matrix may be released meanwhile.
   *
   * @throws {GpuError} if it was released, a GPU error arrived, or the device was lost or disposed.
   */
  async download(): Promise<MatrixData<T>> {
    this.check("download");
    const { depth, rows, step, offset } = this;
    const rowBytes = this.cols * this.channels * this.elementBytes;
    const result = new Uint8Array(rows * rowBytes);
    const start = Math.floor(offset / 4) * 4;
    const end = Math.ceil((offset + (rows - 1) * step + rowBytes) / 4) * 4;
    const { buffer } = this.allocation;
    const range = { buffer, offset: this.allocation.offset + start, bytes: end - start, label: this.label };
    await this.stream.pool.read(range, (bytes) => {
      for (let row = 0; row < rows; row++) {
        result.set(new Uint8Array(bytes, offset - start + row * step, rowBytes), row * rowBytes);
      }
    });
    return elementArray(depth, result.buffer) as MatrixData<T>;
  }

  /**
   * Gives all pixels, or those where `mask` is not 0, the same elements, rounded and saturated.
   *
   * @param scalar a number for all channels, or one for each (0 where none is given, as in `cv::Scalar`).
   * @param mask `8UC1`, of the same size.
   * @throws {GpuError} if the mask does not fit or overlaps, or a matrix was released.
   */
  setTo(scalar: number | readonly number[], mask?: Matrix): this {
    this.check("set");
    const value = scalarBits(scalar, this.depth);
    const uniforms = { value };
    if (mask) {
      refuseMask(this, mask);
      this.stream.pool.run(SET_MASKED, { y: this, mask, uniforms });
    } else this.stream.pool.run(SET, { y: this, uniforms });
    return this;
  }

  /**
   * Copies all pixels, or those where `mask` is not 0, to a matrix of the same size and type.
   *
   * @param mask `8UC1`, of the same size.
   * @throws {GpuError} if sizes or types differ, the two overlap, or a matrix was released.
   */
  copyTo<O extends Matrix>(other: O, mask?: Matrix): O {
    this.check("copy");
    other.check("copy to");
    if (other.type !== this.type) throw mismatch("copy", this, other, "the types differ; use convertTo()");
    refuseSizes("copy", this, other);
    const { pool } = other.stream;
    if (mask) {
      refuseMask(this, mask);
      pool.run(COPY_MASKED, { y: other, x: this, mask });
    } else if (this.whole && other.whole) {
      pool.run(COPY, { y: other, x: this }, asWords);
    } else pool.run(COPY, { y: other, x: this }, asBytes);
    return other;
  }

  /**
   * `saturate(element * alpha + beta)` in 32-bit floats, as elements of another depth. Whole numbers round to the
   * nearest, halves to the even one, and stop at the ends of their range, after `cv::saturate_cast`.
   *
   * @param target a matrix of the same size and channels, or the type of one that is made on the stream's stack.
   * @returns the matrix that holds the result.
   * @throws {GpuError} if sizes or channels differ, the two overlap, or a matrix was released.
   */
  convertTo<O extends MatrixType>(target: Matrix<O> | O, alpha = 1, beta = 0): Matrix<O> {
    this.check("convert");
    if (typeof target === "string") {
      const { channels } = parseMatrixType(target);
      if (channels !== this.channels) {
        throw new GpuError(
          `Cannot convert ${this.describe()} to ${target}: it has ${this.channels} channels; give ` +
            `${matrixType(parseMatrixType(target).depth, this.channels)}`,
        );
      }
      const made = this.stream.pool.getBuffer(this.rows, this.cols, target, `${this.label} as ${target}`);
      try {
        return this.convertTo(made, alpha, beta);
      } catch (error) {
        made.release();
        throw error;
      }
    }
    target.check("convert to");
    if (target.channels !== this.channels) throw mismatch("convert", this, target, "the channels differ");
    refuseSizes("convert", this, target);
    if (!Number.isFinite(alpha) || !Number.isFinite(beta)) {
      throw new GpuError(
        `Cannot convert ${this.describe()}: alpha ${alpha} and beta ${beta} must be finite numbers`,
      );
    }
    if (this.depth === target.depth && alpha === 1 && beta === 0) {
      this.copyTo(target as Matrix);
      return target;
    }
    target.stream.pool.run(CONVERT, {
      y: target,
      x: this,
      overrides: { X_DEPTH: MATRIX_DEPTHS.indexOf(this.depth), Y_DEPTH: MATRIX_DEPTHS.indexOf(target.depth) },
      uniforms: { alpha, beta },
    }, asElements);
    return target;
  }

  /**
   * A region of interest: a view of a rectangle that shares its memory. Bytes outside of it are never touched through
   * it. It needs no release, and ends with the matrix.
   *
   * @throws {GpuError} if the rectangle is empty or not inside, or the matrix was released.
   */
  roi(x: number, y: number, width: number, height: number): Matrix<T> {
    this.check("take a region of");
    const whole = [x, y, width, height].every((n) => Number.isSafeInteger(n) && n >= 0);
    if (!whole || width < 1 || height < 1 || x + width > this.cols || y + height > this.rows) {
      throw new GpuError(
        `Cannot take a region of ${this.describe()}: x ${x}, y ${y}, ${width} wide and ${height} high is not inside ` +
          `${this.cols} columns and ${this.rows} rows`,
      );
    }
    return new Matrix(this.stream, height, width, this.type, `${this.label}[${x},${y}]`, {
      allocation: this.allocation,
      offset: this.offset + y * this.step + x * this.channels * this.elementBytes,
      step: this.step,
      parent: this,
    });
  }

  /**
   * Gives the memory back; a region is only marked. A second call does nothing.
   *
   * @throws {GpuError} from a stack, if something allocated later is still alive; the matrix then stays alive.
   */
  release(): void {
    if (this.#released) return;
    if (this.whole) this.allocation.free();
    this.#released = true;
  }

  /** {@linkcode release}, for `using`. */
  [Symbol.dispose](): void {
    this.release();
  }

  /** Label, size and type: `"image" (480 x 640 8UC3)`. */
  describe(): string {
    return `"${this.label}" (${this.rows} x ${this.cols} ${this.type})`;
  }

  /** Refuses a matrix that was released. @throws {GpuError} naming it. */
  check(what: string): void {
    if (this.released) {
      throw new GpuError(
        `Cannot ${what} ${this.describe()}: ${
          this.#released || this.whole ? "it" : `"${this.parent!.label}", which it is a region of,`
        } was released`,
      );
    }
  }
}

/** Refuses two matrices of different sizes. @throws {GpuError} naming both. */
export function refuseSizes(what: string, a: Matrix, b: Matrix): void {
  if (a.rows !== b.rows || a.cols !== b.cols) throw mismatch(what, a, b, "the sizes differ");
}

/** Refuses a mask of another size or type, or one that was released. @throws {GpuError} naming both. */
export function refuseMask(matrix: Matrix, mask: Matrix): void {
  mask.check("use the mask");
  if (mask.type !== "8UC1" || mask.rows !== matrix.rows || mask.cols !== matrix.cols) {
    throw new GpuError(
      `Cannot use ${mask.describe()} as a mask of ${matrix.describe()}: a mask is 8UC1 and of the same size`,
    );
  }
}

function mismatch(what: string, a: Matrix, b: Matrix, why: string): GpuError {
  return new GpuError(`Cannot ${what} ${a.describe()} to ${b.describe()}: ${why}`);
}

/** Clamped bytes are bytes: a canvas hands them out. */
function clamped(data: MatrixData, expected: MatrixData): boolean {
  return expected instanceof Uint8Array && (data as unknown) instanceof Uint8ClampedArray;
}
