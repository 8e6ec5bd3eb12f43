/**
 * Binds a plan to memory: bind groups over an arena, made once.
 *
 * @module
 */
import {
  type BufferRange,
  type Device,
  type Dispatch,
  type DispatchDescriptor,
  GpuError,
  type Kernel,
  packUniforms,
  texelScalarOf,
  TexelScratch,
  type TextureRange,
} from "../gpu/mod.ts";
import type { View } from "../tensor/view.ts";
import type { Plan, PlanStep } from "./plan.ts";
import { TexelReuse } from "./texel_reuse.ts";

/** What a session keeps on the GPU for all its plans and slots: its constants, and textures to load through. */
export class WeightStore implements Disposable {
  /** What plans load storage through; they run one after the other, so that they can share it. */
  readonly scratch: TexelScratch;
  readonly #device: Device;
  readonly #ranges = new Map<string, BufferRange | TextureRange>();
  /** How many bound plans read each constant. */
  readonly #readers = new Map<string, number>();

  constructor(device: Device) {
    this.#device = device;
    this.scratch = new TexelScratch(device);
  }

  /** Uploads what is not there yet. */
  add(weights: Plan["weights"]): void {
    for (const [key, { make, form, scalar, width }] of weights) {
      if (this.#ranges.has(key)) continue;
      this.#ranges.set(
        key,
        form === "texture"
          ? this.#device.uploadTexture(make(), key, scalar, width)
          : this.#device.upload(make(), key),
      );
    }
  }

  /** Counts a bound plan in (1) or out (-1). */
  count(weights: Plan["weights"], change: 1 | -1): void {
    for (const key of weights.keys()) this.#readers.set(key, (this.#readers.get(key) ?? 0) + change);
  }

  /** Ends what no bound plan reads. */
  prune(): void {
    this.keep(new Set([...this.#readers].filter(([, readers]) => readers > 0).map(([key]) => key)));
  }

  /** What is there now. */
  keys(): ReadonlySet<string> {
    return new Set(this.#ranges.keys());
  }

  /** Ends all but these: what was added for a plan that the GPU then had no memory for is uploaded anew next time. */
  keep(keys: ReadonlySet<string>): void {
    for (const [key, range] of this.#ranges) {
      if (keys.has(key)) continue;
      if ("buffer" in range) range.buffer.destroy();
      else range.texture.destroy();
      this.#ranges.delete(key);
    }
  }

  /** Where a constant lies. */
  get(key: string): BufferRange | TextureRange {
    const range = this.#ranges.get(key);
    if (!range) throw new GpuError(`Cannot find the constant "${key}": it was not uploaded`);
    return range;
  }

  /** Bytes on the GPU. */
  get bytes(): number {
    return [...this.#ranges.values()].reduce((sum, range) => sum + range.bytes, 0);
  }

  [Symbol.dispose](): void {
    this.keep(new Set());
    this.scratch[Symbol.dispose]();
  }
}

/** A plan on one arena, ready to be recorded again and again. */
export interface BoundPlan extends Disposable {
  readonly plan: Plan;
  /** To be recorded all, in this order, and submitted with nothing of the session's in between: see {@linkcode TexelReuse}. */
  readonly dispatches: readonly Dispatch[];
  /** The whole storage of each input: what to write before the plan runs. */
  readonly inputs: Readonly<Record<string, BufferRange>>;
  /** Each output's elements, dense in ONNX's order. */
  readonly outputs: Readonly<Record<string, BufferRange>>;
  /** The counts that outputs' types name. */
  readonly counts: Readonly<Record<string, BufferRange>>;
}

/**
 * Makes the bind groups of `plan` over `arena`, which holds at least `plan.arenaBytes`.
 *
 * @param external where the inputs lie that are not in the arena, by name.
 */
export function bindPlan(
  device: Device,
  plan: Plan,
  arena: BufferRange,
  weights: WeightStore,
  external: Readonly<Record<string, BufferRange>> = {},
): BoundPlan {
  if (arena.bytes < plan.arenaBytes) {
    throw new GpuError(`Cannot bind a plan of ${plan.arenaBytes} bytes to an arena of ${arena.bytes} bytes`);
  }
  refuseTooLarge(device, plan);
  weights.add(plan.weights);
  const rangeOf = (view: Pick<View, "storage">, label: string): BufferRange => {
    const storage = plan.storages[view.storage]!;
    if (storage.external !== undefined) return external[storage.external]!;
    if (storage.weight !== undefined) return weights.get(storage.weight) as BufferRange;
    return { buffer: arena.buffer, offset: arena.offset + storage.offset!, bytes: storage.bytes, label };
  };
  const { uniforms, dispatches } = weights.scratch.attempt(() =>
    device.allOrNothing(() => {
      const uniforms = bindUniforms(device, plan);
      const reuse = new TexelReuse(weights.scratch);
      const dispatches = plan.steps.map((step, i) => {
        const bindings = Object.fromEntries(
          Object.entries(step.bindings).map(([name, target]) => [
            name,
            "weight" in target ? weights.get(target.weight) : rangeOf(target, `${step.label} ${name}`),
          ]),
        );
        const kernel = device.kernel(step.kernel, step.options);
        const texels = placeTexels(step, kernel, bindings, reuse);
        return device.dispatch(kernel, {
          label: step.label,
          ...texels,
          uniforms: uniforms.ranges[i]!,
          workgroups: step.workgroups,
          disjoint: step.disjoint,
        });
      });
      return { uniforms, dispatches };
    })
  );
  weights.count(plan.weights, 1);
  const values = (list: Plan["inputs"]): Record<string, BufferRange> =>
    Object.fromEntries(list.map(({ name, view }) => [name, rangeOf(view, name)]));
  return {
    plan,
    dispatches,
    inputs: values(plan.inputs),
    outputs: values(plan.outputs),
    counts: values(plan.counts),
    [Symbol.dispose]() {
      weights.count(plan.weights, -1);
      uniforms.buffer.destroy();
    },
  };
}

/** Where a step's dispatch loads what goes through textures: what one holds already is bound as it is, the rest is copied. */
function placeTexels(
  { options }: PlanStep,
  kernel: Kernel,
  bindings: Readonly<Record<string, BufferRange | TextureRange>>,
  reuse: TexelReuse,
): Required<Pick<DispatchDescriptor, "bindings" | "texels">> {
  const reads = (options?.texels ?? []).flatMap((name) => {
    const range = bindings[name]!;
    if (!("buffer" in range)) return [];
    const texelBytes: 8 | 16 = options?.half?.includes(name) ? 8 : 16;
    return [{ name, range, texelBytes, scalar: texelScalarOf(kernel, name) }];
  });
  const written = kernel.bindings.flatMap(({ name, written }) => {
    const range = bindings[name];
    return written && range && "buffer" in range ? [range] : [];
  });
  const placed = reuse.place(reads, written);
  const all = { ...bindings };
  const texels: Record<string, TextureRange> = {};
  for (const [i, { name }] of reads.entries()) {
    const { texture, held } = placed[i]!;
    if (held) all[name] = texture;
    else texels[name] = texture;
  }
  return { bindings: all, texels };
}

/** @throws {GpuError} naming the node and its tensor, if the adapter binds no tensor that large. */
export function refuseTooLarge(device: Device, plan: Plan): void {
  const limit = device.limits.maxStorageBufferBindingSize;
  for (const step of plan.steps) {
    for (const [binding, target] of Object.entries(step.bindings)) {
      if ("weight" in target || plan.storages[target.storage]!.bytes <= limit) continue;
      throw new GpuError(
        `Cannot bind "${step.label} ${binding}": a tensor of ${plan.storages[target.storage]!.bytes} bytes ` +
          `([${target.shape.join(", ")}]), and this adapter binds at most ${limit}; use a smaller input`,
      );
    }
  }
}

/** All uniforms of a plan in one buffer, written once. */
function bindUniforms(device: Device, plan: Plan): { buffer: GPUBuffer; ranges: BufferRange[] } {
  const packed = plan.steps.map((step: PlanStep) => {
    const kernel = device.kernel(step.kernel, step.options);
    return new Uint8Array(packUniforms(kernel.uniforms!, step.uniforms, step.label));
  });
  const alignment = device.limits.minUniformBufferOffsetAlignment;
  const offsets: number[] = [];
  let bytes = 0;
  for (const one of packed) {
    offsets.push(bytes);
    bytes += Math.ceil(one.length / alignment) * alignment;
  }
  const all = new Uint8Array(Math.max(bytes, 16));
  packed.forEach((one, i) => all.set(one, offsets[i]!));
  const { buffer } = device.uploadUniforms(all, "plan uniforms");
  return {
    buffer,
    ranges: packed.map((one, i) => ({ buffer, offset: offsets[i]!, bytes: one.length, label: "uniforms" })),
  };
}
