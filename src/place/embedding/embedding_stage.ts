/**
 * From the pixels of a frame to its global descriptor, on the GPU: a network, pooling where its output is a map,
 * whitening, unit length.
 *
 * @module
 */
import type { BufferRange, Device, Dispatch } from "../../gpu/mod.ts";
import type { BoundPlan } from "../../graph/bind.ts";
import type { Plan, PlanValue } from "../../graph/plan.ts";
import type { Session } from "../../graph/session.ts";
import { InputBlob } from "../../vision/blob.ts";
import type { Size } from "../../vision/fit.ts";
import { pixelBytes, type PixelFormat, type PixelFrame } from "../../vision/pixels.ts";
import type { InputTreatment } from "../../vision/treatment.ts";
import { checkLightNumbers, type LightNumbers } from "./light_numbers.ts";
import { normalizeDispatch, type Pooling, poolingDispatches } from "./pooling.ts";
import { type Whitening, WhiteningStep } from "./whitening.ts";

/** What makes global descriptors. */
export interface EmbeddingOptions {
  /** The network: one input of 1 or 3 channels. */
  session: Session;
  /** What its input wants. */
  treatment: InputTreatment;
  /** Size of its input; the file's own unless given. */
  input?: Size;
  /** The output that is the descriptor; needed where the network has several. */
  output?: string;
  /**
   * How an output of [1, channels, height, width] or [1, tokens, channels] becomes a descriptor of `channels` elements;
   * the generalised mean with power 3 unless given.
   */
  pooling?: Pooling;
  /** Applied to the descriptor of unit length, such as it was trained on. */
  whitening?: Whitening;
  /**
   * What the descriptor's last numbers tell of the light, if they do. Counts over sequences, since a single picture tells too
   * little of it. Not with whitening, which would mix them with the others.
   */
  light?: LightNumbers;
}

/** What frames will be like, so that all is made for them beforehand. */
export interface FrameForecast {
  /** The largest frame; larger ones make buffers grow. */
  frame?: Size;
  /** Pixel formats; `i420` and `rgb24` unless given. */
  formats?: readonly PixelFormat[];
}

/** Gives memory that lasts as long as a stage does. */
export type TakeMemory = (bytes: number, label: string) => BufferRange;

/** Radenović, Tolias and Chum find powers about 3. */
const USUAL_POOLING: Pooling = { gem: 3 };

/** An embedding network, planned, with what all frames in flight share. */
export class EmbeddingNetwork implements Disposable {
  /** Elements of a descriptor. */
  readonly dimensions: number;
  /** Size of the network's input. */
  readonly input: Size;
  readonly #device: Device;
  readonly #session: Session;
  readonly #treatment: InputTreatment;
  readonly #plan: Plan;
  readonly #output: PlanValue;
  readonly #pooling: Pooling | undefined;
  readonly #pooled: number;
  readonly #whitening: WhiteningStep | undefined;

  /**
   * Plans the network, and uploads the whitening.
   *
   * @throws {RangeError} if the network's input is no picture, its output no descriptor, or the whitening is for others.
   * @throws {GraphError} as `session.plan` does.
   */
  constructor(device: Device, options: EmbeddingOptions) {
    const { session, treatment, whitening } = options;
    const { name, size, channels } = pictureInput(session, options.input);
    this.#device = device;
    this.#session = session;
    this.#treatment = treatment;
    this.input = size;
    this.#plan = session.plan({ [name]: [1, channels, size.height, size.width] });
    this.#output = chooseOutput(this.#plan, options.output);
    const { elements, pooled } = descriptorOf(this.#output);
    if (!pooled && options.pooling !== undefined) {
      throw new RangeError(
        `Cannot pool the output "${this.#output.name}": it is [${
          this.#output.type.shape.join(", ")
        }], a descriptor ` +
          `already; leave the pooling out`,
      );
    }
    this.#pooling = pooled ? options.pooling ?? USUAL_POOLING : undefined;
    this.#pooled = elements;
    if (whitening && whitening.dimensions !== elements) {
      throw new RangeError(
        `Cannot whiten descriptors of ${elements} elements: the whitening was trained for ${whitening.dimensions}`,
      );
    }
    this.dimensions = whitening?.components ?? elements;
    if (options.light) this.#checkLight(options.light, whitening);
    this.#whitening = whitening && new WhiteningStep(device, whitening);
  }

  #checkLight(light: LightNumbers, whitening: Whitening | undefined): void {
    checkLightNumbers(light);
    if (whitening) {
      throw new RangeError(
        "Cannot tell the light by whitened descriptors: leave the whitening or `light` out",
      );
    }
    if (light.numbers >= this.dimensions) {
      throw new RangeError(
        `Cannot tell the light by ${light.numbers} numbers of a descriptor that has ${this.dimensions}: none would be left`,
      );
    }
  }

  /** What a stage takes of its `take`, in bytes. */
  get sizes(): readonly number[] {
    const sizes = [this.#plan.arenaBytes];
    if (this.#pooling) sizes.push(this.#pooled * 4);
    if (this.#whitening) sizes.push(this.dimensions * 4);
    return sizes;
  }

  /**
   * A stage for one frame in flight.
   *
   * @throws {GpuError} if the device has no room.
   */
  async stage(take: TakeMemory, forecast: FrameForecast, label: string): Promise<EmbeddingStage> {
    const arena = take(this.#plan.arenaBytes, `${label}: activations`);
    const bound = await this.#session.bind(this.#plan, arena);
    try {
      return this.#device.allOrNothing(() => {
        const { descriptor, dispatches } = this.#after(bound, take, label);
        const [value] = this.#plan.inputs;
        const { frame, formats } = forecast;
        const blob = new InputBlob(this.#device, {
          treatment: this.#treatment,
          ...this.input,
          channels: value!.type.shape[1] === 1 ? 1 : 3,
          output: bound.inputs[value!.name]!,
          ...(frame && { sourceBytes: pixelBytes({ ...frame, format: "rgb24" }) }),
          ...(formats && { formats }),
          label: `${label}: blob`,
        });
        return new EmbeddingStage(bound, blob, [...bound.dispatches, ...dispatches], descriptor);
      });
    } catch (error) {
      bound[Symbol.dispose]();
      throw error;
    }
  }

  /** Ends the whitening; the session stays the caller's. */
  [Symbol.dispose](): void {
    this.#whitening?.[Symbol.dispose]();
  }

  /** What comes after the network. */
  #after(bound: BoundPlan, take: TakeMemory, label: string): {
    descriptor: BufferRange;
    dispatches: Dispatch[];
  } {
    const range = bound.outputs[this.#output.name]!;
    const dispatches: Dispatch[] = [];
    let descriptor = exact(range, this.#pooled);
    if (this.#pooling) {
      descriptor = exact(take(this.#pooled * 4, `${label}: pooled`), this.#pooled);
      const map = { range, view: mapView(this.#output) };
      dispatches.push(...poolingDispatches(this.#device, map, descriptor, this.#pooling));
    } else dispatches.push(normalizeDispatch(this.#device, descriptor, 1, this.#pooled));
    if (this.#whitening) {
      const whitened = exact(take(this.dimensions * 4, `${label}: whitened`), this.dimensions);
      dispatches.push(...this.#whitening.dispatches(descriptor, whitened));
      descriptor = whitened;
    }
    return { descriptor, dispatches };
  }
}

/** One frame's way from pixels to a descriptor. Made by {@linkcode EmbeddingNetwork.stage}. */
export class EmbeddingStage implements Disposable {
  /** The descriptor, once the dispatches ran: `dimensions` 32-bit floats of unit length. */
  readonly descriptor: BufferRange;
  readonly #bound: BoundPlan;
  readonly #blob: InputBlob;
  readonly #network: readonly Dispatch[];

  /** See {@linkcode EmbeddingNetwork.stage}. */
  constructor(
    bound: BoundPlan,
    blob: InputBlob,
    network: readonly Dispatch[],
    descriptor: BufferRange,
  ) {
    this.#bound = bound;
    this.#blob = blob;
    this.#network = network;
    this.descriptor = descriptor;
  }

  /**
   * Writes a frame's pixels. No work may be under way that reads the frame before.
   *
   * @throws {RangeError} if it cannot take this frame.
   */
  write(frame: PixelFrame): void {
    this.#blob.write(frame);
  }

  /** What makes the descriptor of the frame that was written last. */
  get dispatches(): readonly Dispatch[] {
    return [this.#blob.dispatch, ...this.#network];
  }

  /** Ends its buffers. */
  [Symbol.dispose](): void {
    this.#blob[Symbol.dispose]();
    this.#bound[Symbol.dispose]();
  }
}

function pictureInput(
  session: Session,
  given: Size | undefined,
): { name: string; size: Size; channels: 1 | 3 } {
  const [input, ...more] = session.inputs;
  const dims = input?.dims ?? [];
  const [, channels, height, width] = dims;
  // A free extent may be anything that the caller chooses; a picture has three channels then.
  const depth = typeof channels === "string" ? 3 : channels;
  if (more.length > 0 || dims.length !== 4 || (depth !== 1 && depth !== 3)) {
    const inputs = session.inputs.map(({ name, dims }) => `"${name}" [${dims.join(", ")}]`).join(", ");
    throw new RangeError(
      `Cannot make descriptors with this network: its inputs are ${inputs}; it takes one of [1, 3, height, width] or ` +
        `[1, 1, height, width]`,
    );
  }
  const own = typeof height === "number" && typeof width === "number" ? { width, height } : undefined;
  const size = given ?? own;
  if (!size) {
    throw new RangeError(
      `Cannot make descriptors with this network: its input "${input!.name}" is [${
        dims.join(", ")
      }], of no fixed size; ` +
        `give \`input\`, the width and height`,
    );
  }
  return { name: input!.name, size, channels: depth };
}

function chooseOutput({ outputs }: Plan, name: string | undefined): PlanValue {
  const listed = outputs.map(({ name, type }) => `"${name}" [${type.shape.join(", ")}]`).join(", ");
  const chosen = name === undefined && outputs.length === 1
    ? outputs[0]
    : outputs.find((output) => output.name === name);
  if (!chosen) {
    throw new RangeError(
      name === undefined
        ? `Cannot tell which of the network's outputs is the descriptor: ${listed}; give \`output\``
        : `Cannot find the output "${name}"; the network has ${listed}`,
    );
  }
  if (chosen.type.dtype !== "f32") {
    throw new RangeError(
      `Cannot use the output "${chosen.name}" as a descriptor: its elements are ${chosen.type.dtype}, not f32`,
    );
  }
  return chosen;
}

/** How many elements the descriptor of an output has, and whether they come of pooling. */
function descriptorOf({ name, type: { shape } }: PlanValue): { elements: number; pooled: boolean } {
  const [images = 1, second = 1, ...rest] = shape;
  const size = shape.reduce((product, extent) => product * extent, 1);
  if (size === Math.max(...shape) && size > 0) return { elements: size, pooled: false };
  if (images === 1 && rest.length === 2 && size > 0) return { elements: second, pooled: true };
  if (images === 1 && rest.length === 1 && size > 0) return { elements: rest[0]!, pooled: true };
  throw new RangeError(
    `Cannot use the output "${name}" as a descriptor: it is [${shape.join(", ")}]; it takes [1, elements], ` +
      `[1, channels, height, width] or [1, tokens, channels]`,
  );
}

/** The output as [1, channels, height, width]; tokens count as pixels. */
function mapView(
  { view, type: { shape } }: PlanValue,
): Pick<PlanValue["view"], "shape" | "strides" | "offset"> {
  if (shape.length === 4) return view;
  const [, tokens, channels] = shape as [number, number, number];
  const [image, token, channel] = view.strides as [number, number, number];
  return {
    shape: [1, channels, tokens, 1],
    strides: [image, channel, token, 0],
    offset: view.offset,
  };
}

/** The beginning of a range: so many 32-bit floats. */
function exact(range: BufferRange, elements: number): BufferRange {
  return { ...range, bytes: elements * 4 };
}
