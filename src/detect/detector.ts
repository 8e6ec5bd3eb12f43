/**
 * A detector for frames: a network, what goes before it and what comes after, prepared for a number of frames in
 * flight.
 *
 * @module
 */
import {
  alignUp,
  type Allocation,
  type BufferRange,
  type Device,
  type Dispatch,
  GpuError,
  GpuTimer,
  Readback,
  StackRegion,
  type Stream,
} from "../gpu/mod.ts";
import type { BoundPlan } from "../graph/bind.ts";
import type { Plan } from "../graph/plan.ts";
import type { Session } from "../graph/session.ts";
import { InputBlob } from "../vision/blob.ts";
import type { Detection } from "../vision/detection.ts";
import type { Fit, Size } from "../vision/fit.ts";
import { pixelBytes, type PixelFormat, type PixelFrame } from "../vision/pixels.ts";
import type { InputTreatment } from "../vision/treatment.ts";
import { toDetections } from "./detections.ts";
import { type DetectionSettings, PostProcess } from "./post_process.ts";
import type { Head, HeadOutputs } from "./heads/mod.ts";
import { townDetector } from "./town_detector.ts";

/** How a detector works, whatever its network. */
export interface DetectorSettings extends DetectionSettings {
  /** Frames in flight; default 4. Each takes memory for all activations. */
  slots?: number;
  /** Largest frame to come, where it is known; larger ones make buffers grow. */
  frame?: Size;
  /** Pixel formats to come; default `i420` and `rgb24`. */
  formats?: readonly PixelFormat[];
  /** Told once when a frame has more objects than the result holds, and when the network that comes with Framewise is used. */
  onWarning?: (message: string) => void;
}

/** A detection network and what is to be known of it. */
export interface DetectionNetwork {
  /** The network. */
  session: Session;
  /** How its outputs are read. */
  head: Head;
  /** What its input wants, and in which size. */
  treatment: InputTreatment;
  input: Size;
  /** Names of the classes, in the network's order. */
  labels: readonly string[];
}

/** What a detector with a network of the user's is made of. */
export interface DetectorOptions extends DetectorSettings, DetectionNetwork {}

/** What a detector with the network that comes with Framewise is made of. */
export interface TownDetectorOptions extends DetectorSettings {
  /** None: a network is given with all that is to be known of it, or not at all. */
  session?: undefined;
}

/** Formats that decoders give: video, and images. */
const USUAL_FORMATS: readonly PixelFormat[] = ["i420", "rgb24"];

function blankFrame(format: PixelFormat): PixelFrame {
  const size = { width: 2, height: 2, format };
  return { ...size, data: new Uint8Array(pixelBytes(size)) };
}

/**
 * Detects objects in frames. After {@linkcode Detector.create}, a frame creates nothing on the GPU.
 *
 * @example The network that comes with Framewise: people, bicycles, cars, buses and signs, trained on drawn scenes
 * ```ts no-eval
 * import { Detector, Device, runLoop } from "@framewise/framewise";
 * import { JsonLinesSink, openSource } from "@framewise/framewise/video";
 *
 * using device = await Device.request();
 * using detector = await Detector.create(device);
 * const source = await openSource("town.mp4");
 * await runLoop({ device, source, slots: detector.slots, sinks: [await JsonLinesSink.open("out.jsonl")] });
 * ```
 */
export class Detector implements Disposable {
  /** One for each frame in flight; a frame loop takes them as they are. */
  readonly slots: readonly DetectionSlot[];
  /** Bytes of GPU memory for each frame in flight. */
  readonly bytesPerSlot: number;
  /** Names of the classes, by class id. */
  readonly labels: readonly string[];
  readonly #ownSession: Session | undefined;

  /**
   * Plans the network, sizes the device's stacks where they are free, and makes everything that frames will need. Without a
   * `session` the network is `town-detector`, which comes with Framewise (see `embeddedNetwork`), and `onWarning` is told so.
   *
   * @throws {GraphError}, {HeadError}, {GpuError} if the network, its head or the adapter do not fit.
   * @throws {EmbeddedNetworkError} if the network that comes with Framewise cannot be read.
   */
  static async create(
    device: Device,
    options: DetectorOptions | TownDetectorOptions = {},
  ): Promise<Detector> {
    if (options.session) return await Detector.#make(device, options);
    const network = await townDetector(device);
    options.onWarning?.(
      "Detector: no network was given, so it is town-detector, which comes with Framewise and was trained on drawn scenes " +
        "alone; give `session` for another",
    );
    try {
      return await Detector.#make(device, { ...options, ...network }, network.session);
    } catch (error) {
      network.session[Symbol.dispose]();
      throw error;
    }
  }

  /** @param ownSession what is disposed of with the detector. */
  static async #make(device: Device, options: DetectorOptions, ownSession?: Session): Promise<Detector> {
    const { session, input, slots: count = 4 } = options;
    const name = session.inputs[0]!.name;
    const channels = Number(session.inputs[0]!.dims[1]) === 1 ? 1 : 3;
    const plan = session.plan({ [name]: [1, channels, input.height, input.width] });
    const bytes = measure(device, plan, options);
    if (device.pool.idle && (device.pool.stackBytes < bytes || device.pool.stackCount < count)) {
      device.pool.configure({ stackBytes: bytes, stackCount: Math.max(count, device.pool.stackCount) });
    }
    const slots: DetectionSlot[] = [];
    try {
      for (let i = 0; i < count; i++) slots.push(await DetectionSlot.create(device, plan, options, i));
      // Some drivers compile a kernel when it first runs: that belongs here, not into the first frame.
      for (const format of options.formats ?? USUAL_FORMATS) {
        slots[0]!.submit(blankFrame(format));
        await slots[0]!.collect();
      }
    } catch (error) {
      for (const slot of slots) slot[Symbol.dispose]();
      throw error;
    }
    return new Detector(slots, bytes, options.labels, ownSession);
  }

  private constructor(
    slots: readonly DetectionSlot[],
    bytesPerSlot: number,
    labels: readonly string[],
    ownSession: Session | undefined,
  ) {
    this.slots = slots;
    this.bytesPerSlot = bytesPerSlot;
    this.labels = labels;
    this.#ownSession = ownSession;
  }

  /** Detects in a single frame. */
  async detect(frame: PixelFrame): Promise<readonly Detection[]> {
    const slot = this.slots[0]!;
    slot.submit(frame);
    return (await slot.collect()).result;
  }

  /** Changes thresholds and classes for frames to come; no frame may be in flight. */
  set(settings: DetectionSettings): void {
    for (const slot of this.slots) slot.set(settings);
  }

  /** Frees everything but a session that was given. */
  [Symbol.dispose](): void {
    for (const slot of this.slots) slot[Symbol.dispose]();
    this.#ownSession?.[Symbol.dispose]();
  }
}

/** Stack bytes that a frame takes: activations, and what post-processing needs. */
function measure(device: Device, plan: Plan, options: DetectorOptions): number {
  const made: Allocation[] = [];
  const scratch = (bytes: number, label: string): BufferRange => {
    const allocation = device.defaultAllocator.allocate(bytes, label);
    made.push(allocation);
    return allocation;
  };
  try {
    const outputs = outputRanges(plan, () => scratch(largestOutput(plan), "measure"));
    const before = made.length;
    device.allOrNothing(() =>
      PostProcess.prepare(device, scratch, outputs, { ...options, head: options.head })
    )[Symbol.dispose]();
    return alignUp(plan.arenaBytes) + made.slice(before).reduce((sum, { bytes }) => sum + bytes, 0);
  } finally {
    for (const allocation of made) allocation.free();
  }
}

function largestOutput(plan: Plan): number {
  return Math.max(...plan.outputs.map(({ view }) => plan.storages[view.storage]!.bytes));
}

function outputRanges(plan: Plan, rangeOf: (name: string) => BufferRange): HeadOutputs {
  return Object.fromEntries(
    plan.outputs.map(({ name, type }) => [name, { range: rangeOf(name), shape: type.shape }]),
  );
}

/** One frame in flight: a stream, its share of the stack, and every dispatch from pixels to boxes. */
export class DetectionSlot implements Disposable {
  readonly #stream: Stream;
  readonly #region: StackRegion;
  readonly #bound: BoundPlan;
  readonly #blob: InputBlob;
  readonly #post: PostProcess;
  readonly #readback: Readback;
  readonly #timer: GpuTimer | undefined;
  readonly #labels: readonly string[];
  readonly #warn: ((message: string) => void) | undefined;
  /** Everything after the blob, whose dispatch depends on the frame's format. */
  readonly #network: readonly Dispatch[];
  #fit: Fit | undefined;
  #warned = false;

  /** Made by {@linkcode Detector.create}. */
  static async create(
    device: Device,
    plan: Plan,
    options: DetectorOptions,
    index: number,
  ): Promise<DetectionSlot> {
    const stream = device.stream({ label: `detect ${index}` });
    const region = new StackRegion(stream, `detect ${index}`);
    let bound: BoundPlan | undefined;
    try {
      const arena = region.take(plan.arenaBytes, "activations");
      bound = await options.session.bind(plan, arena);
      const onArena = bound;
      const slot = device.allOrNothing(() =>
        new DetectionSlot(device, stream, region, onArena, options, index)
      );
      region.seal();
      try {
        await device.settle();
      } catch (error) {
        for (const part of [slot.#post, slot.#blob, slot.#readback]) part[Symbol.dispose]();
        slot.#timer?.[Symbol.dispose]();
        throw error;
      }
      return slot;
    } catch (error) {
      bound?.[Symbol.dispose]();
      region.abandon();
      stream[Symbol.dispose]();
      throw error;
    }
  }

  private constructor(
    device: Device,
    stream: Stream,
    region: StackRegion,
    bound: BoundPlan,
    options: DetectorOptions,
    index: number,
  ) {
    const { input, treatment, frame, formats } = options;
    this.#stream = stream;
    this.#region = region;
    this.#bound = bound;
    this.#labels = options.labels;
    this.#warn = options.onWarning;
    const [value] = bound.plan.inputs;
    this.#blob = new InputBlob(device, {
      treatment,
      ...input,
      channels: value!.type.shape[1] === 1 ? 1 : 3,
      output: bound.inputs[value!.name]!,
      ...(frame && { sourceBytes: pixelBytes({ ...frame, format: "rgb24" }) }),
      formats: formats ?? USUAL_FORMATS,
      label: `blob ${index}`,
    });
    const outputs = outputRanges(bound.plan, (name) => bound.outputs[name]!);
    this.#post = PostProcess.prepare(device, (bytes, label) => region.take(bytes, label), outputs, options);
    this.#timer = GpuTimer.create(device, 1);
    this.#readback = new Readback(device, this.#resultBytes + 16, `detections ${index}`);
    this.#network = [...bound.dispatches, ...this.#post.dispatches];
  }

  /** Result bytes before the time stamps, which lie on 8. */
  get #resultBytes(): number {
    return alignUp(this.#post.resultBytes, 16);
  }

  /** Writes the frame, records and submits its work. @throws {GpuError} if the last result was not collected. */
  submit(frame: PixelFrame): void {
    this.#region.push();
    try {
      this.#fit = this.#blob.write(frame);
      const dispatches = [this.#blob.dispatch, ...this.#network];
      if (this.#timer) this.#stream.runTimed(dispatches, this.#timer.writes(0));
      else this.#stream.run(dispatches);
      const { buffer, offset } = this.#post.result;
      const result = { buffer, offset, bytes: this.#resultBytes };
      if (this.#timer) this.#readback.record(this.#stream, result, this.#timer.resolve(this.#stream, 1));
      else this.#readback.record(this.#stream, result);
      this.#stream.submit();
    } catch (error) {
      this.#region.pop();
      throw error;
    }
  }

  /** Waits for the detections of the frame submitted last, best first, in its own pixels. */
  async collect(): Promise<{ result: readonly Detection[]; gpuMs?: number }> {
    const fit = this.#fit;
    if (!fit) throw new GpuError("Cannot collect detections: no frame was submitted");
    try {
      return await this.#readback.take((bytes) => {
        const result = toDetections(this.#post.parse(bytes), fit, this.#labels);
        this.#warnIfTruncated(bytes);
        if (!this.#timer) return { result };
        const stamps = new BigUint64Array(bytes, this.#resultBytes, 2);
        return { result, gpuMs: GpuTimer.milliseconds(stamps)[0]! };
      });
    } finally {
      this.#region.pop();
    }
  }

  /** Changes thresholds and classes for frames to come. */
  set(settings: DetectionSettings): void {
    this.#post.set(settings);
  }

  [Symbol.dispose](): void {
    for (const part of [this.#post, this.#blob, this.#readback, this.#bound]) part[Symbol.dispose]();
    this.#timer?.[Symbol.dispose]();
    this.#region.abandon();
    this.#stream[Symbol.dispose]();
  }

  #warnIfTruncated(bytes: ArrayBuffer): void {
    if (this.#warned || !this.#warn) return;
    const { truncated } = this.#post.counts(bytes);
    if (truncated === undefined) return;
    this.#warned = true;
    this.#warn(`Detections: ${truncated}`);
  }
}
