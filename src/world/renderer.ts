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
  type UniformValues,
} from "../gpu/mod.ts";
import finishWgsl from "../../shaders/world/finish.wgsl" with { type: "text" };
import shadeWgsl from "../../shaders/world/shade.wgsl" with { type: "text" };
import traceWgsl from "../../shaders/world/trace.wgsl" with { type: "text" };
import { FIELD_SIDE } from "./field.ts";
import type { Lens, Pose } from "./lens.ts";
import type { Light } from "./light.ts";
import { Sight } from "./sight.ts";
import { SOLID_FLOATS } from "./solids.ts";
import { TABLE_WIDTH, TileLists } from "./tiles.ts";
import { SOLIDS, type Town } from "./town.ts";

/** Things that coverage is counted for in one picture. */
const SLOTS = 1024;
const SOLIDS_A_ROW = TABLE_WIDTH * 4 / SOLID_FLOATS;

/** What the camera does to the light. */
export interface CameraEffects {
  /** Times what the light's automatic exposure gives; 1 unless told. */
  readonly exposure?: number;
  /** Standard deviation of sensor noise, as a share of full scale; 0.008 unless told. */
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
  /** Which day it is; see {@linkcode Traffic.add}. */
  readonly occasion?: number;
  readonly effects?: CameraEffects;
  /** Seed of the noise. */
  readonly noiseSeed?: number;
}

/** What is known of a thing in a picture that was drawn. */
export interface Shown {
  readonly id: number;
  readonly label: number;
  readonly moving: boolean;
  /** Pixels that it would cover if nothing else were there. */
  covered: number;
  readonly low: readonly [number, number, number];
  readonly high: readonly [number, number, number];
}

/** A picture with what each pixel shows. Valid until the next picture is taken from the same slot. */
export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Red, green, blue, a byte each. */
  readonly pixels: Uint8Array<ArrayBuffer>;
  /** For each pixel: 0 sky, 1 ground, else 2 + the solid at its centre. */
  readonly hits: Uint32Array;
  /** For each pixel: depth along the camera's axis in metres at its centre, 0 for the sky. */
  readonly depths: Float32Array;
  /** The thing that each solid belongs to: indices into `things`; as many as there were solids. */
  readonly owners: Int32Array;
  /** All things of the frame; those without a class too. */
  readonly things: readonly Shown[];
}

/** How a renderer is made. */
export interface RendererOptions {
  readonly lens: Lens;
  /** Samples a pixel each way: 1, or 2 for smooth edges at a quarter of the speed. */
  readonly smooth?: boolean;
  /** Pictures under way at once. */
  readonly slots?: number;
  /** Whether reflections on wet ground can be asked for. */
  readonly wet?: boolean;
  /** Whether blur can be asked for. */
  readonly blur?: boolean;
}

interface Slot {
  readonly readback: Readback;
  owners: Int32Array;
  things: Shown[];
  slots: number[];
}

/** The dispatches of one direction of looking: straight, or by way of the ground. */
interface Pass {
  readonly lists: TileLists;
  readonly listTexture: TextureRange;
  readonly traceUniforms: BufferRange;
  readonly shadeUniforms: BufferRange;
  readonly dispatches: readonly Dispatch[];
  readonly width: number;
  readonly height: number;
}

/** Draws pictures of a town with one lens. Made once; a picture makes nothing on the GPU. */
export class WorldRenderer implements Disposable {
  readonly lens: Lens;
  readonly #device: Device;
  readonly #stream: Stream;
  readonly #slots: Slot[];
  readonly #trace: Kernel;
  readonly #shade: Kernel;
  readonly #finish: Kernel;
  readonly #solids: TextureRange;
  readonly #field: TextureRange;
  readonly #main: Pass;
  readonly #mirror: Pass | undefined;
  readonly #finishUniforms: BufferRange;
  readonly #finishDispatch: Dispatch;
  readonly #results: readonly BufferRange[];
  readonly #counts: BufferRange;
  readonly #step: number;
  readonly #sight: Sight;
  readonly #visible = new Int32Array(1 << 14);
  readonly #zeros = new Uint32Array(SLOTS);
  #town: Town | undefined;
  #litFor: Light | undefined;
  #next = 0;

  constructor(device: Device, { lens, smooth = true, slots = 3, wet = true, blur = true }: RendererOptions) {
    this.lens = lens;
    this.#device = device;
    this.#step = smooth ? 2 : 1;
    this.#sight = new Sight(lens);
    this.#stream = device.stream({ label: "world" });
    const STEP = this.#step;
    this.#trace = device.kernel({ name: "world/trace", wgsl: traceWgsl }, { overrides: { STEP } });
    this.#shade = device.kernel({ name: "world/shade", wgsl: shadeWgsl }, { overrides: { STEP, WET: wet } });
    this.#finish = device.kernel({ name: "world/finish", wgsl: finishWgsl }, {
      overrides: { STEP, BLUR: blur },
    });
    this.#solids = device.uploadTexture(new Float32Array(SOLIDS * SOLID_FLOATS), "world solids");
    this.#field = this.#fieldTexture();
    const { width, height } = lens;
    const bytes = Math.ceil(width * height * 3 / 12) * 12;
    const buffer = (size: number, label: string): BufferRange => device.upload(new Uint8Array(size), label);
    this.#counts = buffer(SLOTS * 4, "world coverage");
    const grid = [STEP * width + STEP - 1, STEP * height + STEP - 1] as const;
    const colours = buffer(grid[0] * grid[1] * 8, "world colours");
    const hits = buffer(grid[0] * grid[1] * 4, "world hits"),
      depths = buffer(grid[0] * grid[1] * 4, "world depths");
    const half = wet ? this.#makeMirror() : undefined;
    this.#mirror = half?.pass;
    this.#main = this.#makePass(
      lens,
      grid,
      this.#trace,
      this.#shade,
      hits,
      depths,
      half?.colours ?? this.#counts,
      colours,
    );
    const pixels = buffer(bytes, "world pixels");
    this.#finishUniforms = device.uploadUniforms(
      new Uint8Array(this.#finish.uniforms!.bytes),
      "world finish",
    );
    this.#finishDispatch = device.dispatch(this.#finish, {
      bindings: { colours, depths, pixels },
      uniforms: this.#finishUniforms,
      workgroups: [Math.ceil(Math.ceil(width * height / 4) / 64), 1, 1],
    });
    this.#results = [pixels, hits, depths, this.#counts];
    const total = this.#results.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#slots = Array.from({ length: slots }, (_, i) => ({
      readback: new Readback(device, total, `world slot ${i}`),
      owners: new Int32Array(SOLIDS),
      things: [],
      slots: [],
    }));
  }

  #fieldTexture(): TextureRange {
    const texture = this.#device.gpu.createTexture({
      label: "world field",
      size: [FIELD_SIDE, FIELD_SIDE],
      format: "rgba32float",
      usage: GPUTextureUsage.TEXTURE_BINDING | GPUTextureUsage.COPY_DST,
    });
    return { texture, bytes: FIELD_SIDE * FIELD_SIDE * 16, label: "world field" };
  }

  #makeMirror(): { pass: Pass; colours: BufferRange } {
    const { lens } = this;
    const small: Lens = {
      ...lens,
      width: Math.ceil(lens.width / 2),
      height: Math.ceil(lens.height / 2),
      focal: lens.focal / 2,
      centre: [lens.centre[0] / 2, lens.centre[1] / 2],
    };
    const size = small.width * small.height;
    const buffer = (size: number, label: string): BufferRange =>
      this.#device.upload(new Uint8Array(size), label);
    const trace = this.#device.kernel({ name: "world/trace", wgsl: traceWgsl }, { overrides: { STEP: 1 } });
    const shade = this.#device.kernel({ name: "world/shade", wgsl: shadeWgsl }, {
      overrides: { STEP: 1, WET: false },
    });
    const colours = buffer(size * 8, "world mirror colours");
    const unused = buffer(16, "world mirror nothing");
    const pass = this.#makePass(
      small,
      [small.width, small.height],
      trace,
      shade,
      buffer(size * 4, "world mirror hits"),
      buffer(size * 4, "world mirror depths"),
      unused,
      colours,
    );
    return { pass, colours };
  }

  #makePass(
    lens: Lens,
    [width, height]: readonly [number, number],
    trace: Kernel,
    shade: Kernel,
    hits: BufferRange,
    depths: BufferRange,
    mirror: BufferRange,
    colours: BufferRange,
  ): Pass {
    const device = this.#device;
    const lists = new TileLists(lens);
    const listTexture = device.uploadTexture(lists.table, "world lists");
    const traceUniforms = device.uploadUniforms(new Uint8Array(trace.uniforms!.bytes), "world trace");
    const shadeUniforms = device.uploadUniforms(new Uint8Array(shade.uniforms!.bytes), "world shade");
    const workgroups = [Math.ceil(width / 8), Math.ceil(height / 8), 1] as const;
    const shared = { solids: this.#solids, lists: listTexture };
    return {
      lists,
      listTexture,
      traceUniforms,
      shadeUniforms,
      width,
      height,
      dispatches: [
        device.dispatch(trace, {
          bindings: { ...shared, hits, depths, counts: this.#counts },
          uniforms: traceUniforms,
          workgroups,
        }),
        device.dispatch(shade, {
          bindings: { ...shared, field: this.#field, hits, depths, mirror, colours },
          uniforms: shadeUniforms,
          workgroups,
        }),
      ],
    };
  }

  /** The town that is drawn from now on. */
  set town(town: Town) {
    this.#town = town;
    this.#litFor = undefined;
    this.#writeSolids(0, town.things.keptSolids);
  }

  /** How many pictures may be under way. */
  get slots(): number {
    return this.#slots.length;
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
   * @throws {GpuError} as submits do. @throws {Error} if no town was set.
   */
  submit(view: View): number {
    const town = this.#town;
    if (!town) throw new Error("Cannot draw a picture: no town was set");
    const { things } = town;
    const { pose, light, time } = view;
    const number = this.#next;
    this.#next = (number + 1) % this.#slots.length;
    const slot = this.#slots[number]!;

    things.rewind();
    const [ex, , ez] = pose.position;
    town.traffic.add(things, time, view.occasion ?? 0, (x, z, radius) => {
      const away = Math.hypot(x - ex, z - ez);
      if (away > 130 || away < radius * 0.12 + 0.25) return "no";
      if (!this.#sight.meets(pose, [x, 1.2, z], radius + 1.2)) return "no";
      return away > 32 ? "coarse" : "fine";
    });
    this.#writeSolids(things.keptSolids, things.solids.count);
    if (this.#litFor !== light) {
      if (!this.#litFor || this.#litFor.sun !== light.sun) {
        town.field.light(light.sun);
        this.#device.gpu.queue.writeTexture(
          { texture: this.#field.texture },
          town.field.cells,
          { bytesPerRow: FIELD_SIDE * 16 },
          [FIELD_SIDE, FIELD_SIDE],
        );
      }
      this.#litFor = light;
    }
    const count = this.#sight.find(things.list, pose, this.#visible);
    const wet = light.wet > 0.01 && this.#mirror !== undefined;
    if (wet) this.#prepare(this.#mirror!, this.#trace, this.#shade, view, count, true);
    this.#prepare(this.#main, this.#trace, this.#shade, view, count, false);
    this.#prepareFinish(view);
    this.#device.gpu.queue.writeBuffer(this.#counts.buffer, this.#counts.offset, this.#zeros);

    slot.slots = [...this.#main.lists.slots];
    slot.owners.set(things.solids.owner.subarray(0, things.solids.count));
    slot.things = things.list.map(({ id, label, moving, low, high }) => ({
      id,
      label,
      moving,
      covered: 0,
      low,
      high,
    }));
    const stream = this.#stream;
    if (wet) stream.run(this.#mirror!.dispatches);
    stream.run(this.#main.dispatches);
    stream.run(this.#finishDispatch);
    slot.readback.record(stream, ...this.#results);
    stream.submit();
    return number;
  }

  #prepare(pass: Pass, trace: Kernel, shade: Kernel, view: View, count: number, mirrored: boolean): void {
    const town = this.#town!;
    const { pose, light, time } = view;
    const { lists, listTexture } = pass;
    lists.fill(town.things.list, this.#visible, count, town.things.solids, pose, light.sun, mirrored);
    const rows = Math.ceil(lists.used / TABLE_WIDTH);
    const queue = this.#device.gpu.queue;
    queue.writeTexture({ texture: listTexture.texture }, lists.table, { bytesPerRow: TABLE_WIDTH * 16 }, [
      TABLE_WIDTH,
      rows,
    ]);
    const { position, rotation: r } = pose;
    const flip = mirrored ? -1 : 1;
    const scale = mirrored ? 0.5 : 1;
    const { lens } = this;
    const camera: UniformValues = {
      eye: [position[0], flip * position[1], position[2], flip],
      right: [r[0]!, flip * r[1]!, r[2]!, lens.focal * scale],
      down: [r[3]!, flip * r[4]!, r[5]!, lens.centre[0] * scale],
      forward: [r[6]!, flip * r[7]!, r[8]!, lens.centre[1] * scale],
      lens: [lens.k1, lens.k2, 0, 0],
    };
    const write = (kernel: Kernel, to: BufferRange, values: UniformValues): void =>
      queue.writeBuffer(to.buffer, to.offset, packUniforms(kernel.uniforms!, values, kernel.label));
    write(trace, pass.traceUniforms, {
      ...camera,
      size: [pass.width, pass.height, lists.columns, mirrored ? 0 : 1],
    });
    const [west, north, perMetre] = town.field.place;
    const streets = (
      list: readonly { middle: number; half: number; parking: boolean; seed: number }[],
    ): number[] =>
      Array.from({ length: 8 }, (_, i) => {
        const street = list[i];
        return street ? [street.middle, street.half, street.parking ? 1 : 0, street.seed] : [1e5, 1, 0, 0];
      }).flat();
    write(shade, pass.shadeUniforms, {
      ...camera,
      size: [pass.width, pass.height, lists.columns, this.#mirror?.width ?? 1],
      sun: [...light.sun, light.clouds],
      sunlight: [...light.sunlight, light.wet],
      zenith: [...light.zenith, 0],
      horizon: [...light.horizon, light.haze],
      skylight: [...light.skylight, light.lamps],
      town: [light.windows, time % 3600, town.plan.seed % 1000, light.cloudLight],
      field: [west, north, perMetre, FIELD_SIDE],
      streets_x: streets(town.plan.streetsX),
      streets_z: streets(town.plan.streetsZ),
    });
  }

  #prepareFinish({ pose, before = pose, light, time, effects = {}, noiseSeed = 0 }: View): void {
    const { exposure = 1, noise = 0.008, shutter = 0, defocus = 0, focus = 12, vignette = 0.12 } = effects;
    const { lens } = this;
    // Camera now to world to camera before.
    const [p, q] = [pose.rotation, before.rotation];
    const move = [0, 1, 2].map((axis) => pose.position[axis]! - before.position[axis]!);
    const row = (i: number): number[] => [
      ...[0, 1, 2].map((j) => [0, 1, 2].reduce((sum, k) => sum + q[i * 3 + k]! * p[j * 3 + k]!, 0)),
      [0, 1, 2].reduce((sum, k) => sum + q[i * 3 + k]! * move[k]!, 0),
    ];
    const values: UniformValues = {
      size: [lens.width, lens.height, this.#main.width, this.#main.height],
      treat: [light.exposure * exposure, noise * 1.7, light.drops, time % 3600],
      blur: [defocus, focus, shutter, vignette],
      before_x: row(0),
      before_y: row(1),
      before_z: row(2),
      lens: [lens.focal, lens.centre[0], lens.centre[1], 0],
      seed: [noiseSeed >>> 0, 0, 0, 0],
    };
    const packed = packUniforms(this.#finish.uniforms!, values, "world/finish");
    this.#device.gpu.queue.writeBuffer(this.#finishUniforms.buffer, this.#finishUniforms.offset, packed);
  }

  /**
   * Waits for a picture. What it holds is valid until `use` returns.
   *
   * @throws {GpuError} as readbacks do.
   */
  take<T>(number: number, use: (picture: Picture) => T): Promise<T> {
    const slot = this.#slots[number]!;
    const { width, height } = this.lens;
    const step = this.#step;
    return slot.readback.take((bytes) => {
      const [pixels, hits, depths, counts] = this.#results as [
        BufferRange,
        BufferRange,
        BufferRange,
        BufferRange,
      ];
      const at = [
        0,
        pixels.bytes,
        pixels.bytes + hits.bytes,
        pixels.bytes + hits.bytes + depths.bytes,
      ] as const;
      const covered = new Uint32Array(bytes, at[3], counts.bytes / 4);
      slot.slots.forEach((thing, i) => slot.things[thing]!.covered = covered[i] ?? 0);
      return use({
        width,
        height,
        pixels: new Uint8Array(bytes, at[0], width * height * 3),
        hits: centres(
          new Uint32Array(bytes, at[1], hits.bytes / 4),
          new Uint32Array(width * height),
          width,
          height,
          step,
        ),
        depths: centres(
          new Float32Array(bytes, at[2], depths.bytes / 4),
          new Float32Array(width * height),
          width,
          height,
          step,
        ),
        owners: slot.owners,
        things: slot.things,
      });
    });
  }

  [Symbol.dispose](): void {
    for (const { readback } of this.#slots) readback[Symbol.dispose]();
    this.#stream[Symbol.dispose]();
    for (const { texture } of [this.#solids, this.#field, this.#main.listTexture]) texture.destroy();
    this.#mirror?.listTexture.texture.destroy();
  }
}

/** The samples at the centres of pixels. */
function centres<T extends Uint32Array | Float32Array>(
  samples: T,
  to: T,
  width: number,
  height: number,
  step: number,
): T {
  if (step === 1) return samples.subarray(0, width * height) as T;
  const stride = 2 * width + 1;
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0, at = (2 * y + 1) * stride + 1; x < width; x++, at += 2) to[i++] = samples[at]!;
  }
  return to;
}
