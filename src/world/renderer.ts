/** Draws a town on the GPU: ray casting, shading, and the camera's own doings, three kernels a picture. */
import type { BufferRange } from "../gpu/allocator.ts";
import {
  type Device,
  type Dispatch,
  type Kernel,
  packUniforms,
  Readback,
  type Stream,
  type TextureRange,
} from "../gpu/mod.ts";
import finishWgsl from "../../shaders/world/finish.wgsl" with { type: "text" };
import pickWgsl from "../../shaders/world/pick.wgsl" with { type: "text" };
import shadeWgsl from "../../shaders/world/shade.wgsl" with { type: "text" };
import traceWgsl from "../../shaders/world/trace.wgsl" with { type: "text" };
import { FIELD_SIDE } from "./field.ts";
import type { Lens, Pose } from "./lens.ts";
import type { Light } from "./light.ts";
import { Pass } from "./pass.ts";
import type { Picture, Shown } from "./picture.ts";
import { Sight } from "./sight.ts";
import { SOLID_FLOATS } from "./solids.ts";
import { TABLE_WIDTH } from "./tiles.ts";
import { SOLIDS, type Town } from "./town.ts";

/** Things that coverage is counted for in one picture. */
const SLOTS = 1024;
const SOLIDS_A_ROW = TABLE_WIDTH * 4 / SOLID_FLOATS;
/** Beyond this nothing that moves is drawn; from here on it is drawn coarsely. */
const FARTHEST = 130;
const COARSE = 32;

/** What the camera does to the light. */
export interface CameraEffects {
  /** Times what the light's automatic exposure gives; 1 unless told. */
  readonly exposure?: number;
  /** Standard deviation of sensor noise in mid grey, as a share of full scale; 0.008 unless told. */
  readonly noise?: number;
  /** How long the shutter is open, as a share of the time between frames, for motion blur; 0 unless told. */
  readonly shutter?: number;
  /** Radius of the disc that a point at infinity is blurred to, in pixels; 0 unless told. */
  readonly defocus?: number;
  /** Distance of what is sharp, in metres; 12 unless told. */
  readonly focus?: number;
  /** How dark the corners are, 0 to 1; 0.12 unless told. */
  readonly vignette?: number;
}

/** One picture to draw. */
export interface View {
  readonly pose: Pose;
  /** Where the camera was a frame before, for motion blur. */
  readonly before?: Pose | undefined;
  readonly light: Light;
  /** Seconds since the beginning, for what moves. */
  readonly time: number;
  /** Which day it is: from one to the next about half of what stands about is exchanged. */
  readonly occasion?: number;
  readonly effects?: CameraEffects;
  /** Seed of the noise. */
  readonly noiseSeed?: number;
}

/** How a renderer is made. */
export interface RendererOptions {
  readonly lens: Lens;
  /** Smooth edges: more samples where an edge is, at two thirds of the speed; true unless told. */
  readonly smooth?: boolean;
  /** Pictures under way at once; 3 unless told. */
  readonly slots?: number;
  /** Whether views may ask for motion blur or defocus; true unless told. */
  readonly blur?: boolean;
}

interface Slot {
  readonly readback: Readback;
  readonly owners: Int32Array;
  things: Shown[];
  counted: number[];
}

/** Draws pictures of a town. Made once; a picture makes nothing on the GPU. */
export class WorldRenderer implements Disposable {
  readonly #device: Device;
  readonly #stream: Stream;
  readonly #slots: Slot[];
  readonly #finish: Kernel;
  readonly #solids: TextureRange;
  readonly #field: TextureRange;
  /** The picture; where the ground is wet, with what it reflects. */
  readonly #dry: Pass;
  readonly #wet: Pass;
  readonly #mirror: Pass;
  readonly #finishUniforms: BufferRange;
  readonly #sharp: Dispatch;
  readonly #blurred: Dispatch | undefined;
  readonly #results: readonly [
    pixels: BufferRange,
    hits: BufferRange,
    depths: BufferRange,
    counts: BufferRange,
  ];
  readonly #owned: BufferRange[] = [];
  readonly #smooth: boolean;
  readonly #visible = new Int32Array(1 << 14);
  readonly #zeros = new Uint32Array(SLOTS + 1);
  #lens: Lens;
  #sight: Sight;
  #town: Town | undefined;
  #sun: Light["sun"] | undefined;
  #next = 0;
  #disposed = false;

  /** Makes all that it needs on the GPU. @throws {GpuError} as the device does. */
  constructor(device: Device, { lens, smooth = true, slots = 3, blur = true }: RendererOptions) {
    const { width, height } = lens;
    this.#device = device;
    this.#smooth = smooth;
    this.#lens = lens;
    this.#sight = new Sight(lens);
    this.#stream = device.stream({ label: "world" });
    const STEP = smooth ? 2 : 1;
    const trace = (LISTED: boolean): Kernel =>
      device.kernel({ name: "world/trace", wgsl: traceWgsl }, { overrides: { LISTED, TALLY: SLOTS } });
    const shade = (STEP: number, WET: boolean): Kernel =>
      device.kernel({ name: "world/shade", wgsl: shadeWgsl }, {
        overrides: { STEP, WET, TALLY: SLOTS },
      });
    const finish = (BLUR: boolean): Kernel =>
      device.kernel({ name: "world/finish", wgsl: finishWgsl }, { overrides: { STEP, BLUR } });
    this.#finish = finish(false);
    const solids = device.uploadTexture(new Float32Array(SOLIDS * SOLID_FLOATS), "world solids");
    const field = device.uploadTexture(new Float32Array(FIELD_SIDE * FIELD_SIDE * 4), "world field");
    [this.#solids, this.#field] = [solids, field];
    const counts = this.#buffer((SLOTS + 1) * 4, "coverage");

    const half = halved(lens);
    const small = half.width * half.height;
    const mirror = this.#buffer(small * 8, "mirror colours"), nothing = this.#buffer(16, "nothing");
    this.#mirror = new Pass(device, half, {
      trace: trace(false),
      shade: shade(1, false),
      solids,
      field,
      counts,
      mirror: nothing,
      nothing,
      hits: this.#buffer(small * 4, "mirror hits"),
      depths: this.#buffer(small * 4, "mirror depths"),
      colours: mirror,
    }, true);
    // Centres of pixels first; then at most all other samples of a grid twice as fine.
    const samples = smooth ? (2 * width + 1) * (2 * height + 1) : width * height;
    const hits = this.#buffer(samples * 4, "hits"), depths = this.#buffer(samples * 4, "depths");
    const colours = this.#buffer(samples * 8, "colours");
    const pick = smooth
      ? {
        kernel: device.kernel({ name: "world/pick", wgsl: pickWgsl }, { overrides: { TALLY: SLOTS } }),
        todo: this.#buffer(samples * 4, "samples"),
        trace: trace(true),
      }
      : undefined;
    const parts = {
      trace: trace(false),
      solids,
      field,
      counts,
      mirror,
      nothing,
      hits,
      depths,
      colours,
      pick,
    };
    this.#dry = new Pass(device, lens, { ...parts, shade: shade(STEP, false) }, false);
    this.#wet = new Pass(device, lens, { ...parts, shade: shade(STEP, true) }, false);
    const pixels = this.#buffer(Math.ceil(width * height / 4) * 12, "pixels");
    this.#finishUniforms = device.uploadUniforms(
      new Uint8Array(this.#finish.uniforms!.bytes),
      "world finish",
    );
    const finishing = {
      bindings: { colours, depths, pixels },
      uniforms: this.#finishUniforms,
      workgroups: [Math.ceil(width * height / 4 / 64), 1, 1],
    } as const;
    this.#sharp = device.dispatch(this.#finish, finishing);
    this.#blurred = blur ? device.dispatch(finish(true), finishing) : undefined;
    this.#owned.push(this.#finishUniforms, ...this.#passes.flatMap(({ owned }) => owned));
    const centres = (range: BufferRange): BufferRange => ({ ...range, bytes: width * height * 4 });
    this.#results = [pixels, centres(hits), centres(depths), counts];
    const total = this.#results.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#slots = Array.from({ length: slots }, (_, i) => ({
      readback: new Readback(device, total, `world slot ${i}`),
      owners: new Int32Array(SOLIDS),
      things: [],
      counted: [],
    }));
  }

  #buffer(size: number, label: string): BufferRange {
    const range = this.#device.upload(new Uint8Array(size), `world ${label}`);
    this.#owned.push(range);
    return range;
  }

  /** Samples a row, and rows, of the colours. */
  get #grid(): readonly [number, number] {
    const { width, height } = this.#lens;
    return this.#smooth ? [2 * width + 1, 2 * height + 1] : [width, height];
  }

  get #passes(): readonly Pass[] {
    return [this.#mirror, this.#dry, this.#wet];
  }

  /** How many pictures may be under way. */
  get slots(): number {
    return this.#slots.length;
  }

  /** The lens of the pictures from now on. */
  get lens(): Lens {
    return this.#lens;
  }

  /** @throws {RangeError} if its images have another size. */
  set lens(lens: Lens) {
    const { width, height } = this.#lens;
    if (lens.width !== width || lens.height !== height) {
      throw new RangeError(
        `Cannot change to a lens of ${lens.width}x${lens.height}: this renderer draws ${width}x${height}; make another`,
      );
    }
    this.#lens = lens;
    this.#sight = new Sight(lens);
    for (const pass of this.#passes) pass.lists.lens = pass === this.#mirror ? halved(lens) : lens;
  }

  /** The town that is drawn from now on. */
  get town(): Town | undefined {
    return this.#town;
  }

  set town(town: Town) {
    this.#town = town;
    this.#sun = undefined;
    this.#writeSolids(0, town.things.keptSolids);
  }

  #writeSolids(first: number, end: number): void {
    const { solids } = this.#town!.things;
    const top = Math.floor(first / SOLIDS_A_ROW), rows = Math.ceil(end / SOLIDS_A_ROW) - top;
    if (rows <= 0) return;
    this.#device.gpu.queue.writeTexture(
      { texture: this.#solids.texture, origin: [0, top] },
      solids.table,
      { offset: top * TABLE_WIDTH * 16, bytesPerRow: TABLE_WIDTH * 16 },
      [TABLE_WIDTH, rows],
    );
  }

  /**
   * Submits a picture; {@linkcode take} gives it. At most {@linkcode slots} may be under way.
   *
   * @returns the slot to take it from.
   * @throws {GpuError} as submits do, or if the slot's last picture was not taken.
   * @throws {Error} if no town was set, or blur is asked for and was not prepared.
   */
  submit(view: View): number {
    const town = this.#town;
    if (!town) throw new Error("Cannot draw a picture: no town was set");
    const { things } = town;
    const { pose, light, time, occasion = 0, effects: { shutter = 0, defocus = 0 } = {} } = view;
    const finish = shutter > 0 || defocus > 0 ? this.#blurred : this.#sharp;
    if (!finish) throw new Error("Cannot blur a picture: this renderer was made without; give blur: true");
    const number = this.#next;
    const slot = this.#slots[number]!;

    things.rewind();
    const [x0, , z0] = pose.position;
    town.traffic.add(things, time, occasion, ({ origin: [x, , z], x: along }, halfLength, halfWidth) => {
      const [a, b] = [x0 - x, z0 - z];
      const away = Math.hypot(a, b);
      if (away > FARTHEST) return "no";
      // What the camera would stand in is left out.
      const [ahead, aside] = [Math.abs(a * along[0] + b * along[2]), Math.abs(b * along[0] - a * along[2])];
      if (ahead < halfLength + 0.5 && aside < halfWidth + 0.4) return "no";
      if (!this.#sight.meets(pose, [x, 1.3, z], halfLength + 1.4)) return "no";
      return away > COARSE ? "coarse" : "fine";
    });
    this.#writeSolids(things.keptSolids, things.solids.count);
    if (this.#sun !== light.sun) {
      this.#sun = light.sun;
      town.field.light(light.sun);
      this.#device.gpu.queue.writeTexture(
        { texture: this.#field.texture },
        town.field.cells,
        { bytesPerRow: TABLE_WIDTH * 16 },
        [TABLE_WIDTH, FIELD_SIDE * FIELD_SIDE / TABLE_WIDTH],
      );
    }
    const count = this.#sight.find(things.list, pose, this.#visible);
    const isWet = light.wet > 0.01;
    const scene = { pose, light, time, visible: this.#visible, count, mirrorWidth: halved(this.#lens).width };
    if (isWet) this.#mirror.prepare(town, halved(this.#lens), scene);
    const main = isWet ? this.#wet : this.#dry;
    main.prepare(town, this.#lens, scene);
    this.#prepareFinish(view);
    this.#device.gpu.queue.writeBuffer(this.#counts.buffer, this.#counts.offset, this.#zeros);

    if (main.lists.slots.length > SLOTS) {
      throw new RangeError(
        `Cannot draw a picture of ${main.lists.slots.length} labelled things: there is room for ${SLOTS}; make the town less busy`,
      );
    }
    const stream = this.#stream;
    if (isWet) stream.run(this.#mirror.dispatches);
    stream.run(main.dispatches);
    stream.run(finish);
    slot.readback.record(stream, ...this.#results);
    stream.submit();
    this.#next = (number + 1) % this.#slots.length;
    slot.counted = [...main.lists.slots];
    slot.owners.set(things.solids.owner.subarray(0, things.solids.count));
    slot.things = things.list.map(({ id, label, moving, low, high }) => ({
      id,
      label,
      moving,
      covered: 0,
      low,
      high,
    }));
    return number;
  }

  get #counts(): BufferRange {
    return this.#results[3];
  }

  #prepareFinish({ pose, before = pose, light, time, effects = {}, noiseSeed = 0 }: View): void {
    const { exposure = 1, noise = 0.008, shutter = 0, defocus = 0, focus = 12, vignette = 0.12 } = effects;
    const lens = this.#lens;
    // Camera now to world to camera before.
    const [p, q] = [pose.rotation, before.rotation];
    const move = [0, 1, 2].map((axis) => pose.position[axis]! - before.position[axis]!);
    const sum = (term: (k: number) => number): number => term(0) + term(1) + term(2);
    const row = (i: number): number[] => [
      ...[0, 1, 2].map((j) => sum((k) => q[i * 3 + k]! * p[j * 3 + k]!)),
      sum((k) => q[i * 3 + k]! * move[k]!),
    ];
    const packed = packUniforms(this.#finish.uniforms!, {
      size: [lens.width, lens.height, ...this.#grid],
      treat: [light.exposure * exposure, noise, light.drops, time % 3600],
      blur: [defocus, focus, shutter, vignette],
      before_x: row(0),
      before_y: row(1),
      before_z: row(2),
      lens: [lens.focal, lens.centre[0], lens.centre[1], 0],
      seed: [noiseSeed >>> 0, 0, 0, 0],
    }, "world/finish");
    this.#device.gpu.queue.writeBuffer(this.#finishUniforms.buffer, this.#finishUniforms.offset, packed);
  }

  /**
   * Waits for a picture. What it holds is valid until `use` returns.
   *
   * @throws {GpuError} as readbacks do.
   */
  take<T>(number: number, use: (picture: Picture) => T): Promise<T> {
    const slot = this.#slots[number]!;
    const { width, height } = this.#lens;
    const size = width * height;
    return slot.readback.take((bytes) => {
      const [pixels, hits, depths, counts] = this.#results;
      const at = [pixels.bytes, pixels.bytes + hits.bytes, pixels.bytes + hits.bytes + depths.bytes] as const;
      const covered = new Uint32Array(bytes, at[2], counts.bytes / 4);
      slot.counted.forEach((thing, i) => slot.things[thing]!.covered = covered[i] ?? 0);
      return use({
        width,
        height,
        pixels: new Uint8Array(bytes, 0, size * 3),
        hits: new Uint32Array(bytes, at[0], size).map((hit) => hit & 0xffff),
        depths: new Float32Array(bytes, at[1], size),
        owners: slot.owners,
        things: slot.things,
      });
    });
  }

  /** Ends everything it made on the GPU but the kernels, which the device keeps. A second call does nothing. */
  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const { readback } of this.#slots) readback[Symbol.dispose]();
    this.#stream[Symbol.dispose]();
    for (const { texture } of [this.#solids, this.#field, ...this.#passes.map(({ table }) => table)]) {
      texture.destroy();
    }
    for (const { buffer } of this.#owned) buffer.destroy();
  }
}

/** A lens for a picture of half the size. */
function halved(lens: Lens): Lens {
  return {
    ...lens,
    width: Math.ceil(lens.width / 2),
    height: Math.ceil(lens.height / 2),
    focal: lens.focal / 2,
    centre: [lens.centre[0] / 2, lens.centre[1] / 2],
  };
}
