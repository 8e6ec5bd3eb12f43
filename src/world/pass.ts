/** One direction of looking, straight or by way of the wet ground: lists of solids, parameters, two kernels. */
import type { BufferRange } from "../gpu/allocator.ts";
import {
  type Device,
  type Dispatch,
  foldWorkgroups,
  type Kernel,
  packUniforms,
  type TextureRange,
  type UniformValues,
} from "../gpu/mod.ts";
import { FIELD_SIDE } from "./field.ts";
import type { Lens, Pose } from "./lens.ts";
import type { Light } from "./light.ts";
import type { Street } from "./plan.ts";
import { TABLE_WIDTH, TileLists } from "./tiles.ts";
import type { Town } from "./town.ts";

/** What a pass is made of. */
export interface PassParts {
  readonly trace: Kernel;
  readonly shade: Kernel;
  /** Tables that all passes share. */
  readonly solids: TextureRange;
  readonly field: TextureRange;
  /** Where coverage is counted. */
  readonly counts: BufferRange;
  /** What the wet ground reflects; any buffer where nothing does. */
  readonly mirror: BufferRange;
  /** For what is bound and not used. */
  readonly nothing: BufferRange;
  readonly hits: BufferRange;
  readonly depths: BufferRange;
  readonly colours: BufferRange;
  /** For smooth edges: what picks the samples besides the pixels' centres, where it lists them, and what traces those. */
  readonly pick?: { readonly kernel: Kernel; readonly todo: BufferRange; readonly trace: Kernel } | undefined;
}

/** What a pass draws. */
export interface PassView {
  readonly pose: Pose;
  readonly light: Light;
  readonly time: number;
  /** Indices of the things in sight, and how many. */
  readonly visible: Int32Array;
  readonly count: number;
  /** Samples a row of the mirror's picture. */
  readonly mirrorWidth: number;
}

/** The kernels of one direction with all they are bound to. */
export class Pass {
  readonly lists: TileLists;
  readonly dispatches: readonly Dispatch[];
  readonly table: TextureRange;
  readonly #device: Device;
  readonly #parts: PassParts;
  readonly #trace: BufferRange;
  readonly #shade: BufferRange;
  readonly #mirrored: boolean;

  /** Binds the kernels for pictures of the lens's size. */
  constructor(
    device: Device,
    lens: Lens,
    parts: PassParts,
    mirrored: boolean,
  ) {
    this.#device = device;
    this.#parts = parts;
    this.#mirrored = mirrored;
    const { trace, shade, solids, field, counts, mirror, hits, depths, colours } = parts;
    this.lists = new TileLists(lens);
    this.table = device.uploadTexture(this.lists.table, "world lists");
    this.#trace = device.uploadUniforms(new Uint8Array(trace.uniforms!.bytes), "world trace");
    this.#shade = device.uploadUniforms(new Uint8Array(shade.uniforms!.bytes), "world shade");
    const lists = this.table;
    // One invocation a pixel; of the samples that are picked besides, each takes some.
    const pixels = foldWorkgroups(Math.ceil(lens.width * lens.height / 64));
    const some = foldWorkgroups(Math.ceil(lens.width * lens.height / 512));
    const todo = parts.pick?.todo ?? parts.nothing;
    const tracing = {
      bindings: { solids, lists, hits, depths, counts, todo },
      uniforms: this.#trace,
      workgroups: pixels,
    };
    this.dispatches = [
      device.dispatch(trace, tracing),
      ...(parts.pick
        ? [
          device.dispatch(parts.pick.kernel, {
            bindings: { hits, colours, todo, counts },
            uniforms: { size: [lens.width, lens.height, 0, 0] },
            workgroups: pixels,
          }),
          device.dispatch(parts.pick.trace, { ...tracing, workgroups: some }),
        ]
        : []),
      device.dispatch(shade, {
        bindings: { solids, lists, field, hits, depths, mirror, colours, todo, counts },
        uniforms: this.#shade,
        workgroups: pixels,
      }),
    ];
  }

  /** What it made itself, to be destroyed. */
  get owned(): readonly BufferRange[] {
    return [this.#trace, this.#shade];
  }

  /** Writes everything that changes from picture to picture. */
  prepare(town: Town, lens: Lens, { pose, light, time, visible, count, mirrorWidth }: PassView): void {
    const { lists } = this;
    const mirrored = this.#mirrored;
    lists.fill(town.things.list, visible, count, town.things.solids, pose, light.sun, mirrored);
    const rows = Math.ceil(lists.used / TABLE_WIDTH);
    this.#device.gpu.queue.writeTexture({ texture: this.table.texture }, lists.table, {
      bytesPerRow: TABLE_WIDTH * 16,
    }, [
      TABLE_WIDTH,
      rows,
    ]);
    const { position, rotation: r } = pose;
    const flip = mirrored ? -1 : 1;
    const camera: UniformValues = {
      eye: [position[0], flip * position[1], position[2], flip],
      right: [r[0]!, flip * r[1]!, r[2]!, lens.focal],
      down: [r[3]!, flip * r[4]!, r[5]!, lens.centre[0]],
      forward: [r[6]!, flip * r[7]!, r[8]!, lens.centre[1]],
      lens: [lens.k1, lens.k2, 0, 0],
    };
    const { trace, shade } = this.#parts;
    this.#write(trace, this.#trace, {
      ...camera,
      size: [lens.width, lens.height, lists.columns, mirrored ? 0 : 1],
    });
    const [west, north, perMetre] = town.field.place;
    this.#write(shade, this.#shade, {
      ...camera,
      size: [lens.width, lens.height, lists.columns, mirrorWidth],
      sun: [...light.sun, light.clouds],
      sunlight: [...light.sunlight, light.wet],
      zenith: [...light.zenith, 0],
      horizon: [...light.horizon, light.haze],
      skylight: [...light.skylight, light.lamps],
      town: [light.windows, time % 3600, town.plan.seed % 1000, light.cloudLight],
      field: [west, north, perMetre, FIELD_SIDE],
      streets_x: streetTable(town.plan.streetsX),
      streets_z: streetTable(town.plan.streetsZ),
    });
  }

  #write(kernel: Kernel, to: BufferRange, values: UniformValues): void {
    this.#device.gpu.queue.writeBuffer(
      to.buffer,
      to.offset,
      packUniforms(kernel.uniforms!, values, kernel.label),
    );
  }
}

/** Eight streets as shaders/world/shade.wgsl takes them; those that are missing lie far away. */
function streetTable(list: readonly Street[]): number[] {
  return Array.from({ length: 8 }, (_, i) => {
    const street = list[i];
    return street ? [street.middle, street.half, street.parking ? 1 : 0, street.seed] : [1e5, 1, 0, 0];
  }).flat();
}
