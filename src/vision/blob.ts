/**
 * The first kernel of every frame: pixels in, network input out.
 *
 * @module
 */
import type {
  BufferRange,
  Device,
  Dispatch,
  TexelScratch,
  UniformLayout,
  UniformValues,
} from "../gpu/mod.ts";
import { packUniforms, reflectKernel, texelDispatch, texelScratch } from "../gpu/mod.ts";
import { type Fit, fitFrame } from "./fit.ts";
import {
  colourMatrix,
  PIXEL_FORMATS,
  pixelBytes,
  type PixelFormat,
  type PixelFrame,
  type PixelLayout,
} from "./pixels.ts";
import { type FullTreatment, fullTreatment, type InputTreatment, laneRows } from "./treatment.ts";
import wgsl from "../../shaders/vision/blob.wgsl" with { type: "text" };

/** What an {@linkcode InputBlob} is made for. */
export interface InputBlobOptions {
  readonly treatment: InputTreatment;
  /** Width of the network's input. */
  readonly width: number;
  /** Height of the network's input. */
  readonly height: number;
  /** Channels of the network's input: 3 (default) or 1. */
  readonly channels?: 1 | 3;
  /** Where the input is written: `[1, H, W, 4]` f32, so `width * height * 16` bytes. */
  readonly output: BufferRange;
  /** The largest frame to come, in bytes; a larger one makes the source buffer grow, which counts as a creation. */
  readonly sourceBytes?: number;
  /**
   * Formats that are made ready now, `i420` and `rgb24` unless told; any other is made ready at its first frame, which
   * counts as a creation.
   */
  readonly formats?: readonly PixelFormat[];
  readonly label?: string;
}

const WORKGROUP = [16, 4] as const;
/** Beyond this an output column has no exact position in the kernel. */
const MAX_OUTPUT_SIDE = 8192;
const MAX_TAPS = 16;

/**
 * Turns frames into one network's input: colour conversion, resize, letterbox or crop, channel order and normalisation
 * in one dispatch. Frames may change in size and colour from one to the next: nothing is created as long as their
 * bytes fit the source buffer and their format was made ready.
 *
 * @example
 * ```ts ignore
 * const blob = new InputBlob(device, { treatment, width: 416, height: 416, output: range, sourceBytes: 1280 * 720 * 3 / 2 });
 * const fit = blob.write({ width: 1280, height: 720, format: "i420", data });
 * stream.run(blob.dispatch);
 * ```
 */
export class InputBlob implements Disposable {
  readonly treatment: FullTreatment;
  readonly width: number;
  readonly height: number;
  readonly #device: Device;
  readonly #label: string;
  readonly #output: BufferRange;
  readonly #lanes: number[];
  readonly #layout: UniformLayout;
  readonly #uniforms: BufferRange;
  readonly #texels: TexelScratch | undefined;
  readonly #formats: Set<PixelFormat>;
  readonly #tail: Uint8Array<ArrayBuffer> = new Uint8Array(4);
  #source: BufferRange | undefined;
  readonly #dispatches = new Map<PixelFormat, Dispatch>();
  #fit: Fit | undefined;
  #current: PixelLayout | undefined;
  #splitWords = 0;

  /**
   * @throws {RangeError} if the network's size or channels cannot be fed with pixels, or `output` is too small.
   * @throws {TypeError} if the treatment is not valid.
   */
  constructor(device: Device, options: InputBlobOptions) {
    const { width, height, output, label = "blob" } = options;
    for (const [side, value] of [["width", width], ["height", height]] as const) {
      if (!Number.isInteger(value) || value < 1 || value > MAX_OUTPUT_SIDE) {
        throw new RangeError(
          `Cannot make a blob of ${width}x${height}: its ${side} must be 1 to ${MAX_OUTPUT_SIDE}`,
        );
      }
    }
    if (output.bytes < width * height * 16) {
      throw new RangeError(
        `Cannot make a blob of ${width}x${height}: it takes ${width * height * 16} bytes, the output holds ` +
          `${output.bytes}`,
      );
    }
    this.treatment = fullTreatment(options.treatment);
    this.#lanes = laneRows(this.treatment, options.channels ?? 3);
    this.width = width;
    this.height = height;
    this.#device = device;
    this.#label = label;
    this.#output = output;
    this.#formats = new Set(options.formats ?? ["i420", "rgb24"]);
    this.#texels = texelScratch(device);
    this.#layout = reflectKernel(wgsl, BLOB_KERNEL.name).uniforms!;
    this.#uniforms = device.uploadUniforms(new Uint8Array(this.#layout.bytes), `${label}: parameters`);
    this.reserve(Math.max(options.sourceBytes ?? 0, 16));
  }

  /**
   * The dispatch that fills the output from the last frame written. It changes with the frames' format and when the
   * source buffer grows.
   *
   * @throws {Error} before the first frame.
   */
  get dispatch(): Dispatch {
    return this.#dispatchFor(this.#layoutNow().format);
  }

  /** The geometry of the last frame written. @throws {Error} before the first one. */
  get fit(): Fit {
    this.#layoutNow();
    return this.#fit!;
  }

  /** The buffer that frames are written to. */
  get source(): BufferRange {
    return this.#source!;
  }

  /**
   * Makes room for frames of `bytes`. Creates nothing if there is room already.
   *
   * @throws {RangeError} if the adapter has no buffer, or no two bindings, of that size.
   */
  reserve(bytes: number): void {
    if (this.#source && bytes <= this.#source.bytes) return;
    const { maxBufferSize, maxStorageBufferBindingSize } = this.#device.limits;
    const binding = Math.floor(maxStorageBufferBindingSize / 256) * 256;
    const size = Math.ceil(bytes / 256) * 256;
    if (size > maxBufferSize || size > 2 * binding) {
      throw new RangeError(
        `Cannot take a frame of ${bytes} bytes: this adapter's buffers hold at most ` +
          `${Math.min(maxBufferSize, 2 * binding)}; shrink the frame before, or hand it over as i420`,
      );
    }
    this.#source?.buffer.destroy();
    this.#texels?.[Symbol.dispose]();
    const label = `${this.#label}: pixels`;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    this.#source = {
      buffer: this.#device.createBuffer({ label, size, usage }),
      offset: 0,
      bytes: size,
      label,
    };
    this.#splitWords = size > binding ? binding / 4 : 0;
    this.#current = undefined;
    this.#dispatches.clear();
    for (const format of this.#formats) this.#dispatchFor(format);
  }

  /**
   * Tells the size and format of the frames to come; writes the parameters if they changed.
   *
   * @throws {RangeError} if the layout is not valid.
   */
  configure(layout: PixelLayout): Fit {
    if (this.#fit && this.#current && sameLayout(layout, this.#current)) return this.#fit;
    const network = { width: this.width, height: this.height };
    const fit = fitFrame({ width: layout.width, height: layout.height }, network, this.treatment.fit);
    const values = blobUniforms(layout, fit, this.treatment, this.#lanes, this.#splitWords);
    const packed = packUniforms(this.#layout, values, this.#label);
    this.#device.gpu.queue.writeBuffer(this.#uniforms.buffer, this.#uniforms.offset, packed);
    const { width, height, format, colour, siting } = layout;
    // A copy, because the layout may be a frame whose pixels must not be kept alive.
    this.#current = { width, height, format, ...(colour && { colour }), ...(siting && { siting }) };
    return this.#fit = fit;
  }

  /**
   * Writes a frame: its pixels, and the parameters if they changed. No recorded, unsubmitted work may still read the
   * frame before.
   *
   * @throws {RangeError} if the layout is not valid, `data` is too short, or too large for the adapter.
   */
  write(frame: PixelFrame): Fit {
    const bytes = pixelBytes(frame);
    if (frame.data.byteLength < bytes) {
      throw new RangeError(
        `Cannot take a frame of ${frame.width}x${frame.height} ${frame.format}: it takes ${bytes} bytes, ` +
          `${frame.data.byteLength} were given`,
      );
    }
    this.reserve(bytes);
    const fit = this.configure(frame);
    const { queue } = this.#device.gpu;
    const { buffer, offset } = this.#source!;
    // Writes must be whole words; the frame's last bytes may not be.
    const whole = bytes - bytes % 4;
    if (whole > 0) queue.writeBuffer(buffer, offset, frame.data, 0, whole);
    if (whole < bytes) {
      this.#tail.fill(0);
      this.#tail.set(frame.data.subarray(whole, bytes));
      queue.writeBuffer(buffer, offset + whole, this.#tail);
    }
    return fit;
  }

  #layoutNow(): PixelLayout {
    if (!this.#current) throw new Error(`Cannot run "${this.#label}": no frame was written yet`);
    return this.#current;
  }

  #dispatchFor(format: PixelFormat): Dispatch {
    const made = this.#dispatches.get(format);
    if (made) return made;
    const overrides = {
      SPLIT: this.#splitWords > 0,
      FORMAT: PIXEL_FORMATS.indexOf(format),
      AREA: this.treatment.filter === "area",
    };
    const { buffer, offset, bytes } = this.#source!;
    const first = this.#splitWords > 0 ? this.#splitWords * 4 : bytes;
    const label = `${this.#label}: pixels`;
    const pixels = { buffer, offset, bytes: first, label };
    const dispatch = texelDispatch(this.#device, this.#texels, BLOB_KERNEL, { overrides }, {
      label: this.#label,
      bindings: {
        pixels,
        more: first < bytes ? { buffer, offset: offset + first, bytes: bytes - first, label } : pixels,
        y: this.#output,
      },
      uniforms: this.#uniforms,
      workgroups: [Math.ceil(this.width / WORKGROUP[0]), Math.ceil(this.height / WORKGROUP[1]), 1],
    });
    this.#formats.add(format);
    this.#dispatches.set(format, dispatch);
    return dispatch;
  }

  /** Frees the source buffer and the parameters. */
  [Symbol.dispose](): void {
    this.#source?.buffer.destroy();
    this.#uniforms.buffer.destroy();
    this.#texels?.[Symbol.dispose]();
  }
}

/** The kernel of {@linkcode InputBlob}. */
export const BLOB_KERNEL: { readonly name: string; readonly wgsl: string } = { name: "vision/blob", wgsl };

/** The kernel's parameters for frames of one layout; `splitWords` is where a frame in two bindings is divided. */
export function blobUniforms(
  layout: PixelLayout,
  fit: Fit,
  treatment: FullTreatment,
  lanes: readonly number[],
  splitWords = 0,
): UniformValues {
  const { width, height, format, siting = "left" } = layout;
  if (siting !== "left" && siting !== "center") {
    throw new RangeError(`Cannot place chroma at "${siting}"; take left or center`);
  }
  const total = pixelBytes(layout);
  const colour = colourMatrix(layout);
  const chromaWidth = Math.ceil(width / 2);
  const chromaHeight = Math.ceil(height / 2);
  const planar = format === "i420";
  const { content, scaleX, scaleY, network } = fit;
  const [highX, lowX] = splitStep(scaleX);
  const [highY, lowY] = splitStep(scaleY);
  const startX = 0.5 * scaleX + fit.originX - 0.5;
  const startY = 0.5 * scaleY + fit.originY - 0.5;
  const tapCount = (scale: number): number =>
    treatment.filter === "area" ? Math.min(Math.max(Math.ceil(scale - 1e-9), 1), MAX_TAPS) : 1;
  return {
    output: [network.width, network.height, 0, 0],
    source: [width, height, chromaWidth, chromaHeight],
    content: [content.x, content.y, content.x + content.width, content.y + content.height],
    step: [highX, highY, lowX, lowY],
    start: [Math.floor(startX), Math.floor(startY)],
    taps: [tapCount(scaleX), tapCount(scaleY)],
    start_fraction: [startX - Math.floor(startX), startY - Math.floor(startY)],
    chroma_shift: [siting === "left" ? 0 : -0.25, -0.25],
    planes: [width * height, planar ? total - chromaWidth * chromaHeight : 0, splitWords, 0],
    colour,
    lanes: [...lanes],
    pad: [...treatment.fill, 0],
  };
}

/** A step as a part of 11 significant bits, whose product with a column is exact in f32, and the rest. */
function splitStep(step: number): [high: number, low: number] {
  const unit = 2 ** (Math.floor(Math.log2(step)) - 10);
  const high = Math.floor(step / unit) * unit;
  return [high, step - high];
}

function sameLayout(a: PixelLayout, b: PixelLayout): boolean {
  return a.width === b.width && a.height === b.height && a.format === b.format && a.siting === b.siting &&
    a.colour?.matrix === b.colour?.matrix && a.colour?.range === b.colour?.range;
}
