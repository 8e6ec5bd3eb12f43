/** The drawn town as a source of frames, each with its truth. */
import type { Frame, FrameColour, FrameSource, SourceInfo } from "../frame/frame.ts";
import type { Device } from "../gpu/device.ts";
import { type Lens, lensOf } from "./lens.ts";
import { PlaceMemory } from "./places.ts";
import { type RandomViewOptions, RandomViews } from "./random_views.ts";
import type { Picture } from "./picture.ts";
import { WorldRenderer } from "./renderer.ts";
import { makeScenario, type Moment, type ScenarioName, type ScenarioOptions } from "./scenario.ts";
import { boxesOf, type FrameTruth } from "./truth.ts";

/** What to draw, and how. */
export interface WorldOptions extends ScenarioOptions {
  /** A way through the town, or pictures that have nothing to do with each other; `two-laps` unless told. */
  readonly scenario?: ScenarioName | "random";
  /** Image size; 320 x 240 unless told. */
  readonly width?: number;
  readonly height?: number;
  /** Horizontal field of view in degrees; 72 unless told. Random pictures choose their own unless it is told. */
  readonly fieldDegrees?: number;
  /** Radial distortion; 0 unless told. */
  readonly k1?: number;
  readonly k2?: number;
  /** Smooth edges, at two thirds of the speed; true unless told. */
  readonly smooth?: boolean;
  /** For `random`: see {@linkcode RandomViewOptions}. */
  readonly random?: Omit<RandomViewOptions, "seed" | "width" | "height">;
  /** Overlaps below this are not told as the same place; 0.2 unless told. */
  readonly leastOverlap?: number;
  /** How many frames may be held at once; 4 unless told. */
  readonly buffers?: number;
  /** Pictures under way on the GPU; 3 unless told. */
  readonly slots?: number;
  /** Is given each picture while all of it is there: what each pixel shows, and depths. */
  readonly onPicture?: (picture: Picture, truth: FrameTruth) => void;
}

const COLOUR: FrameColour = { matrix: "bt709", range: "full" };

/**
 * Frames of a drawn town, `rgb24`. The truth about a frame is there when the frame is.
 *
 * @example
 * ```ts no-eval
 * import { Device } from "@framewise/framewise";
 * import { WorldSource } from "@framewise/framewise/world";
 *
 * using device = await Device.request();
 * const source = new WorldSource(device, { scenario: "two-laps", seed: 7, frames: 600 });
 * for await (const frame of source) {
 *   const { pose, boxes, samePlace } = source.truth(frame.index);
 *   frame.release();
 * }
 * await source.close();
 * ```
 */
export class WorldSource implements FrameSource {
  readonly info: SourceInfo;
  readonly #frames: number;
  readonly #frameTime: number;
  readonly #moment: (index: number) => Moment & { lens?: Lens; group?: number };
  readonly #renderer: WorldRenderer;
  readonly #lens: Lens;
  readonly #places: PlaceMemory | undefined;
  readonly #truths: FrameTruth[] = [];
  readonly #free: Uint8Array<ArrayBuffer>[] = [];
  readonly #onPicture: WorldOptions["onPicture"];
  readonly #seed: number;
  #iterated = false;
  #closed = false;
  #wake: () => void = () => {};

  /** @throws {RangeError} for sizes, counts and lenses that cannot be; @throws {GpuError} as the renderer does. */
  constructor(device: Device, options: WorldOptions = {}) {
    const {
      scenario = "two-laps",
      width = 320,
      height = 240,
      buffers = 4,
      slots = 3,
      smooth = true,
      seed = 1,
    } = options;
    const { frames = 600, light, effects } = options;
    for (const [name, value] of Object.entries({ width, height, frames, buffers, slots })) {
      if (!Number.isSafeInteger(value) || value < 1) {
        throw new RangeError(`Cannot draw a world with ${name} ${value}: give a whole number from 1 on`);
      }
    }
    this.#seed = seed;
    this.#frames = frames;
    this.#onPicture = options.onPicture;
    this.#lens = lensOf(width, height, options.fieldDegrees, options.k1, options.k2);
    const isRandom = scenario === "random";
    if (isRandom) {
      const views = new RandomViews({
        ...(light && { lights: [light] }),
        ...(effects && { effects: false }),
        ...(options.fieldDegrees !== undefined && { lenses: false }),
        ...options.random,
        seed,
        width,
        height,
      });
      const fixed = options.fieldDegrees !== undefined;
      this.#moment = (index) => {
        const moment = views.moment(index);
        return { ...moment, ...(effects && { effects }), ...(fixed && { lens: this.#lens }) };
      };
      this.#frameTime = 1;
    } else {
      const made = makeScenario(scenario, options);
      this.#moment = (index) => made.moment(index);
      this.#frameTime = 1 / made.frameRate;
      this.#places = new PlaceMemory(options.leastOverlap);
    }
    const blur = isRandom
      ? options.random?.effects !== false || effects !== undefined
      : !!(effects?.shutter || effects?.defocus);
    this.#renderer = new WorldRenderer(device, { lens: this.#lens, smooth, slots, blur });
    for (let i = 0; i < buffers; i++) this.#free.push(new Uint8Array(width * height * 3));
    this.info = {
      name: `drawn town ${seed}, ${scenario}`,
      width,
      height,
      frameRate: 1 / this.#frameTime,
      frameCount: frames,
    };
  }

  /** What is true of a frame that has been drawn. @throws {RangeError} if it has not. */
  truth(index: number): FrameTruth {
    const truth = this.#truths[index];
    if (!truth) {
      throw new RangeError(`Cannot tell frame ${index}: ${this.#truths.length} frames are drawn so far`);
    }
    return truth;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Frame> {
    if (this.#iterated) throw new Error("Cannot iterate a world twice: make another WorldSource");
    this.#iterated = true;
    const renderer = this.#renderer;
    const under: { slot: number; moment: Moment & { lens?: Lens; group?: number } }[] = [];
    let drawn = 0;
    for (let index = 0; index < this.#frames && !this.#closed; index++) {
      for (; drawn < this.#frames && under.length < renderer.slots; drawn++) {
        const moment = this.#moment(drawn);
        if (moment.town !== renderer.town) renderer.town = moment.town;
        if (moment.lens) renderer.lens = moment.lens;
        under.push({ moment, slot: renderer.submit({ ...moment, noiseSeed: this.#seed * 65537 + drawn }) });
      }
      while (this.#free.length === 0 && !this.#closed) {
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
      const memory = this.#free.pop();
      if (this.#closed || !memory) return;
      const { slot, moment } = under.shift()!;
      await renderer.take(slot, (picture) => {
        memory.set(picture.pixels);
        const lens = moment.lens ?? this.#lens;
        const truth: FrameTruth = {
          frame: index,
          time: index * this.#frameTime,
          light: moment.light.name,
          pose: moment.pose,
          lens,
          boxes: boxesOf(picture),
          samePlace: this.#places?.add(index, moment.pose, lens, picture) ?? [],
          ...(moment.group !== undefined && { group: moment.group }),
        };
        this.#truths.push(truth);
        this.#onPicture?.(picture, truth);
      });
      yield this.#frame(index, memory);
    }
  }

  close(): Promise<void> {
    if (!this.#closed) this.#renderer[Symbol.dispose]();
    this.#closed = true;
    this.#wake();
    return Promise.resolve();
  }

  #frame(index: number, memory: Uint8Array<ArrayBuffer>): Frame {
    let data: Uint8Array<ArrayBuffer> = memory;
    return {
      index,
      timeSeconds: index * this.#frameTime,
      width: this.info.width!,
      height: this.info.height!,
      format: "rgb24",
      colour: COLOUR,
      get data() {
        return data;
      },
      release: () => {
        if (data !== memory) return;
        data = new Uint8Array(0);
        this.#free.push(memory);
        this.#wake();
      },
    };
  }
}
