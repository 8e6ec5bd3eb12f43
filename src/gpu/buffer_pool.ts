import type { BufferRange } from "./allocator.ts";
import type { Dispatch } from "./dispatch.ts";
import { GpuError } from "./errors.ts";
import type { KernelSource } from "./kernel.ts";
import { Matrix, MAX_MATRIX_SIDE } from "./matrix.ts";
import {
  type MatrixDispatch,
  matrixDispatch,
  type MatrixRun,
  type MatrixView,
  viewsOverlap,
} from "./matrix_kernel.ts";
import { type MatrixType, parseMatrixType } from "./matrix_type.ts";
import { Readback } from "./readback.ts";
import type { Recording } from "./recordings.ts";
import type { Stream } from "./stream.ts";
import { texelDispatch, texelScratch } from "./texel_dispatch.ts";
import type { TexelScratch } from "./texel_loads.ts";
import { packUniforms } from "./uniforms.ts";

/** Bytes of a source from which it is loaded through a texture; a smaller one takes longer to copy than to load. */
const LEAST_TEXEL_BYTES = 64 * 1024;

/** A dispatch with parameters of its own, which are written anew when no recorded work reads them any more. */
interface KeptDispatch {
  dispatch: Dispatch;
  readonly uniforms: BufferRange;
  /** The parameters that it holds. */
  values: string;
  /** The work that it was last recorded for. */
  recording: Readonly<Recording> | undefined;
}

/** How many dispatches a pool keeps; those that were not used for longest go. */
const KEPT_DISPATCHES = 512;

/** Names buffers in the keys of dispatches. */
const bufferNumbers = new WeakMap<GPUBuffer, number>();
let buffers = 0;

/**
 * The matrices of a stream, after `cv::cuda::BufferPool`: typed memory from the stream's allocator, which is a stack
 * unless told otherwise. It also keeps what operations on matrices need, so that a loop that does the same in every
 * turn, with whatever parameters, creates nothing after the first.
 */
export class BufferPool implements Disposable {
  /** The stream that it allocates and records on. */
  readonly stream: Stream;
  /** By kernel and memory; the one that was not used for longest comes first. */
  readonly #dispatches = new Map<string, KeptDispatch[]>();
  #kept = 0;
  readonly #readbacks: Readback[] = [];
  #made = 0;
  /** Textures that kernels load through, where that is faster. */
  #texels: TexelScratch | undefined;
  #disposed = false;

  /** Made by `stream.pool`. */
  constructor(stream: Stream) {
    this.stream = stream;
  }

  /**
   * A matrix whose elements are whatever the memory held.
   *
   * @param label what it is called in messages.
   * @throws {GpuError} if the size or the type is none, the matrix is too large for the adapter, or the stream was disposed.
   */
  getBuffer<T extends MatrixType>(rows: number, cols: number, type: T, label?: string): Matrix<T> {
    return this.#make(rows, cols, type, label, MAX_MATRIX_SIDE);
  }

  /** One row of any length: what has no rows of its own. @throws {GpuError} as {@linkcode getBuffer} does. */
  getRow<T extends MatrixType>(length: number, type: T, label?: string): Matrix<T> {
    return this.#make(1, length, type, label, 0x7fffffff);
  }

  #make<T extends MatrixType>(
    rows: number,
    cols: number,
    type: T,
    label = `matrix ${this.#made}`,
    longest: number,
  ): Matrix<T> {
    const { channels, elementBytes } = parseMatrixType(type);
    if (![rows, cols].every((side) => Number.isInteger(side) && side >= 1 && side <= longest)) {
      throw new GpuError(
        `Cannot make "${label}": ${rows} rows and ${cols} columns; both are whole numbers from 1 to ${longest}`,
      );
    }
    const step = Math.ceil(cols / 4) * 4 * channels * elementBytes;
    const most = Math.min(this.stream.device.limits.maxStorageBufferBindingSize, 0xffffffff);
    if (rows * step > most) {
      throw new GpuError(
        `Cannot make "${label}" (${rows} x ${cols} ${type}): it takes ${
          rows * step
        } bytes, and a kernel of this ` +
          `adapter sees at most ${most}; split it`,
      );
    }
    // Whole quads of words, which is how a copy of all bytes takes it.
    const allocation = this.stream.allocate(Math.ceil(rows * step / 16) * 16, label);
    this.#made++;
    return new Matrix(this.stream, rows, cols, type, label, { allocation, offset: 0, step });
  }

  /**
   * Records a kernel on matrices. A source in the same memory as the destination is refused where the two share
   * pixels, and copied first where they do not, since WebGPU binds whole ranges.
   *
   * @param taken how the kernel takes the operands, such as `asElements`; as they are if not given.
   * @throws {GpuError} naming both, if a source overlaps the destination.
   */
  run(kernel: KernelSource, run: MatrixRun, taken: (view: MatrixView) => MatrixView = (view) => view): void {
    const copies: Matrix[] = [];
    const separate = (source: MatrixView | undefined): MatrixView | undefined => {
      if (source instanceof Matrix && source.stream.device !== this.stream.device) {
        throw new GpuError(
          `Cannot run ${kernel.name}: ${describe(source)} lies on another device than ${
            describe(run.y)
          }; download ` +
            `it there, and upload it here`,
        );
      }
      if (source?.allocation !== run.y.allocation) return source;
      if (viewsOverlap(run.y, source)) {
        throw new GpuError(
          `Cannot run ${kernel.name}: ${describe(source)} and ${
            describe(run.y)
          } overlap, and the second is written; ` +
            `give it memory of its own`,
        );
      }
      const matrix = source as Matrix;
      const copy = this.getBuffer(matrix.rows, matrix.cols, matrix.type, `${matrix.label}: copy`);
      copies.push(copy);
      return matrix.copyTo(copy);
    };
    try {
      const [x, mask] = [separate(run.x), separate(run.mask)];
      this.record(
        kernel,
        matrixDispatch({
          ...run,
          y: taken(run.y),
          ...(x && { x: taken(x) }),
          ...(mask && { mask }),
        }),
      );
    } finally {
      for (const copy of copies.reverse()) copy.release();
    }
  }

  /**
   * Records a dispatch, and keeps it for the next time that the same kernel runs on the same memory. Other parameters are
   * written into it as soon as the work that it was recorded for before is submitted.
   *
   * @throws {GpuError} as {@linkcode Device.kernel} and {@linkcode Device.dispatch} do.
   */
  record(source: KernelSource, { overrides, bindings, uniforms, workgroups }: MatrixDispatch): void {
    const { device } = this.stream;
    let key = `${source.name} ${JSON.stringify(overrides)}`;
    for (const [name, { buffer, offset, bytes }] of Object.entries(bindings)) {
      let number = bufferNumbers.get(buffer);
      if (number === undefined) bufferNumbers.set(buffer, number = buffers++);
      key += ` ${name} ${number} ${offset} ${bytes}`;
    }
    const values = JSON.stringify(uniforms);
    const list = this.#dispatches.get(key) ?? [];
    let kept = list.find((candidate) => candidate.values === values);
    if (!kept) {
      kept = list.find(({ recording }) => recording?.state !== "recorded");
      const kernel = kept?.dispatch.kernel ?? device.kernel(source, { overrides });
      const packed = new Uint8Array(packUniforms(kernel.uniforms!, uniforms, source.name));
      if (kept) {
        device.gpu.queue.writeBuffer(kept.uniforms.buffer, kept.uniforms.offset, packed);
        kept.values = values;
        kept.dispatch = { ...kept.dispatch, workgroups };
      } else {
        const range = device.uploadUniforms(packed, source.name);
        const texels = this.#texels ??= texelScratch(device);
        const descriptor = { bindings, uniforms: range, workgroups };
        const dispatch = texelDispatch(device, texels, source, { overrides }, descriptor, LEAST_TEXEL_BYTES);
        list.push(kept = { dispatch, uniforms: range, values, recording: undefined });
        this.#kept++;
      }
    }
    this.stream.run(kept.dispatch);
    kept.recording = this.stream.recording;
    this.#dispatches.delete(key);
    this.#dispatches.set(key, list);
    if (this.#kept > KEPT_DISPATCHES) {
      const [oldest, dropped] = this.#dispatches.entries().next().value!;
      this.#dispatches.delete(oldest);
      this.#kept -= dropped.length;
      for (const { uniforms } of dropped) device.recordings.destroyAfter(uniforms.buffer);
    }
  }

  /**
   * Submits the stream, waits, and gives `read` the bytes of a range, which are gone when it returns.
   *
   * @throws {GpuError} as {@linkcode Readback} does.
   */
  async read<T>(range: BufferRange, read: (bytes: ArrayBuffer) => T): Promise<T> {
    this.#readbacks.sort((a, b) => a.bytes - b.bytes);
    const fitting = this.#readbacks.findIndex(({ bytes }) => bytes >= range.bytes);
    const [readback = new Readback(this.stream.device, range.bytes, `${this.stream.label}: download`)] =
      fitting < 0 ? [] : this.#readbacks.splice(fitting, 1);
    try {
      readback.record(this.stream, range);
      this.stream.submit();
      return await readback.take(read);
    } finally {
      if (this.#disposed) readback[Symbol.dispose]();
      else this.#readbacks.push(readback);
    }
  }

  /** Ends what it keeps; called by the stream. Matrices that are alive stay so. */
  [Symbol.dispose](): void {
    this.#disposed = true;
    for (const { uniforms } of [...this.#dispatches.values()].flat()) {
      this.stream.device.recordings.destroyAfter(uniforms.buffer);
    }
    this.#dispatches.clear();
    this.#texels?.[Symbol.dispose]();
    for (const readback of this.#readbacks.splice(0)) readback[Symbol.dispose]();
  }
}

function describe(view: MatrixView): string {
  return view instanceof Matrix ? view.describe() : `"${view.allocation.label}"`;
}
