/**
 * From a specialised graph to a plan: a fixed list of dispatches over one arena. The plan holds no GPU object; it is
 * bound to memory as often as there are slots.
 *
 * @module
 */
import { alignUp, type KernelTarget, type TexelScalar } from "../gpu/mod.ts";
import { copyDispatch } from "../ops/copy.ts";
import {
  type Addressed,
  addressed,
  type Lowering,
  NodeContext,
  type PlannedDispatch,
  type TensorType,
  type WeightData,
  type WeightForm,
  type WeightRef,
} from "../ops/operator.ts";
import { fingerprint } from "../ops/fingerprint.ts";
import { type Candidate, chooseAmong, type KernelChoices, type LayerChoice } from "../ops/kernel_choice.ts";
import { findOperator } from "../ops/registry.ts";
import { gpuScalar } from "../tensor/dtype.ts";
import { elementCount, type HostTensor } from "../tensor/host_tensor.ts";
import { toWords, type Words } from "../tensor/words.ts";
import {
  canBeImage,
  denseView,
  imageAddress,
  isDenseImage,
  isLinear,
  type Layout,
  mayShare,
  storageElements,
  type View,
} from "../tensor/view.ts";
import { type Lifetime, planArena } from "./arena.ts";
import { GraphError, nodeError } from "../ops/error.ts";
import type { Node } from "../ops/node.ts";
import { placeConcatenations, type Placement, placeView } from "./placement.ts";
import type { SpecialisedGraph } from "./specialise.ts";

/** One dispatch of a plan and the node that it is for. */
export interface PlanStep extends PlannedDispatch {
  label: string;
  node: Node;
  /** Bindings that share a storage without sharing an element. */
  disjoint: readonly (readonly [string, string])[];
}

/** A value that enters or leaves a plan. */
export interface PlanValue {
  name: string;
  type: TensorType;
  view: View;
}

/** Memory that views lie over: in the arena at an offset, a constant, or an input in memory of the caller's. */
export interface PlannedStorage {
  bytes: number;
  offset: number | undefined;
  weight: string | undefined;
  external: string | undefined;
}

/** Constants before they are uploaded. */
export interface PlannedWeights {
  make: () => WeightData;
  form: WeightForm;
  /** Texels of a row of a texture, where a kernel counts on it. */
  width?: number;
  /** What the channels of a texture are; floats unless told. */
  scalar?: TexelScalar;
}

/** A fixed sequence of dispatches over one arena. */
export interface Plan {
  steps: readonly PlanStep[];
  inputs: readonly PlanValue[];
  /** Outputs are dense in ONNX's order. */
  outputs: readonly PlanValue[];
  /** The counts that outputs' types name: one `i32` each. */
  counts: readonly PlanValue[];
  /** Bytes of the arena. */
  arenaBytes: number;
  /** What the views' `storage` counts. */
  storages: readonly PlannedStorage[];
  /** Constants by key; made once for all plans of a session. */
  weights: ReadonlyMap<string, PlannedWeights>;
  multiplyAdds: number;
}

/** How inputs lie that the caller keeps in memory of their own. */
export type ExternalViews = Readonly<Record<string, Omit<View, "storage">>>;

/** What a plan takes as given. */
export interface PlanOptions {
  /** Inputs that are not in the arena, by name. */
  external?: ExternalViews;
  /** Floats between kernels are kept in 16 bits; inputs, outputs and all arithmetic stay in 32. */
  half?: boolean;
  /** What was measured of layers, and overrules the estimates. */
  choices?: KernelChoices | undefined;
  /** Kernels write outputs as they write what stays inside, and copies follow: so that equal layers take equally long. */
  copyOutputs?: boolean;
}

/** Lowers a graph. @throws {GraphError} if an operator cannot be lowered as it is used. */
export function buildPlan(
  specialised: SpecialisedGraph,
  target: KernelTarget,
  options: PlanOptions = {},
): Plan {
  return new PlanBuilder(specialised, target, options).build();
}

interface Storage extends Lifetime {
  elements: number;
  weight: string | undefined;
  external?: string;
  /** Its elements are floats of 16 bits. */
  half?: boolean;
}

/** The lifetime of what no step uses. */
const NEVER: Pick<Lifetime, "first" | "last"> = { first: Infinity, last: -Infinity };

/** Binding offsets of storage buffers are multiples of this. */
const STORAGE_ALIGNMENT = 256;

class PlanBuilder {
  readonly graph: SpecialisedGraph["graph"];
  readonly types: ReadonlyMap<string, TensorType>;
  readonly placement: Placement;
  readonly views: Map<string, View> = new Map();
  readonly steps: PlanStep[] = [];
  readonly weights: Map<string, PlannedWeights> = new Map();
  readonly #storages: Storage[] = [];
  readonly #constantViews = new Map<string, View>();
  readonly #wholes = new Map<string, View>();
  readonly #producers: ReadonlyMap<string, Node>;

  readonly target: KernelTarget;

  readonly #external: ExternalViews;
  readonly #half: boolean;
  readonly #choices: KernelChoices | undefined;
  readonly #kernels = new Set<string>();
  readonly #copyOutputs: boolean;

  constructor({ graph, types }: SpecialisedGraph, target: KernelTarget, options: PlanOptions) {
    this.target = target;
    this.#external = options.external ?? {};
    this.#half = options.half ?? false;
    this.#choices = options.choices;
    this.#copyOutputs = options.copyOutputs ?? false;
    this.graph = graph;
    this.types = types;
    this.placement = placeConcatenations(graph, types);
    this.#producers = graph.producers();
  }

  build(): Plan {
    const inputs = this.graph.inputs.map(({ name }): PlanValue => {
      const type = this.types.get(name)!;
      const external = this.#external[name];
      const view = external
        ? this.#externalView(name, external)
        : this.allocate(type, canBeImage(type.shape) ? "image" : "linear", true);
      this.#touch(view.storage, -1);
      this.views.set(name, view);
      return { name, type, view };
    });
    for (const node of this.graph.nodes) {
      const operator = findOperator(node)!;
      const lowering = new NodeLowering(this, node);
      if (operator.lower) operator.lower(lowering);
      else {lowering.fail(
          "its inputs are computed while the network runs",
          "fix them when exporting the model",
        );}
    }
    const outputs = this.graph.outputs.map(({ name }): PlanValue => {
      const node = this.graph.producers().get(name) ??
        { name, op: "Output", domain: "", inputs: [], outputs: [], attributes: new Map() };
      const type = this.types.get(name)!;
      return { name, type, view: this.#given(node, type, this.viewOf(name)) };
    });
    const counts = [
      ...new Set(outputs.flatMap(({ type }) => type.counts?.filter((name) => name !== undefined) ?? [])),
    ]
      .map((name): PlanValue => ({ name, type: COUNT, view: this.viewOf(name) }));
    for (const { view } of [...outputs, ...counts]) this.#touch(view.storage, this.steps.length);
    // Storage that no step uses (a concatenation that became a view) takes no room.
    const live = this.#storages.filter((storage) =>
      storage.weight === undefined && storage.first <= storage.last
    );
    const arena = planArena(live, STORAGE_ALIGNMENT);
    const offsets = new Map(live.map((storage, i) => [storage, arena.offsets[i]!]));
    return {
      steps: this.steps,
      inputs,
      outputs,
      counts,
      arenaBytes: arena.bytes,
      storages: this.#storages.map((storage) => ({
        bytes: alignUp(storage.bytes, 16),
        offset: offsets.get(storage),
        weight: storage.weight,
        external: storage.external,
      })),
      weights: this.weights,
      multiplyAdds: this.steps.reduce((sum, step) => sum + (step.multiplyAdds ?? 0), 0),
    };
  }

  /** An output as the caller gets it: dense, in ONNX's order, in whole words. */
  #given(node: Node, type: TensorType, view: View): View {
    if (!this.#storages[view.storage]!.half && isLinear(view) && view.offset % 4 === 0) return view;
    const whole = this.allocate(type, "linear", true);
    if (!this.#writeAsPlanes(view, whole)) this.emit(node, copyDispatch(view, whole));
    return whole;
  }

  /** Has an output written as planes by the step that makes it; false where others read it, too, or the kernel cannot. */
  #writeAsPlanes(view: View, planes: View): boolean {
    const lifetime = this.#storages[view.storage]!;
    const step = this.steps[lifetime.first];
    const outputs = this.graph.outputs.filter(({ name }) => this.viewOf(name).storage === view.storage);
    if (this.#copyOutputs || lifetime.first !== lifetime.last || outputs.length > 1) return false;
    if (!Object.values(step?.bindings ?? {}).includes(view)) return false;
    const dispatch = step!.asPlanes?.(planes);
    if (!dispatch) return false;
    this.steps[lifetime.first] = this.#stepOf(step!.node, dispatch, lifetime.first);
    Object.assign(lifetime, NEVER);
    return true;
  }

  #externalView(name: string, view: Omit<View, "storage">): View {
    const elements = view.offset +
      view.shape.reduce((sum, extent, axis) => sum + (extent - 1) * Math.max(view.strides[axis]!, 0), 1);
    this.#storages.push({
      bytes: elements * 4,
      elements,
      first: -1,
      last: -1,
      weight: undefined,
      external: name,
    });
    return { ...view, storage: this.#storages.length - 1 };
  }

  /** New storage; `whole` keeps its elements in 32 bits whatever the plan does with others. */
  allocate(type: TensorType, layout: Layout, whole = false): View {
    const elements = storageElements(type.shape, layout);
    const half = this.#half && !whole && isGpuFloat(type);
    const bytes = alignUp(Math.max(elements, 1) * (half ? 2 : 4), 16);
    this.#storages.push({ bytes, elements, ...NEVER, weight: undefined, half });
    return denseView(this.#storages.length - 1, type.dtype, type.shape, layout);
  }

  /** The view of a value; constants are laid out linearly, each in a buffer of its own. */
  viewOf(name: string): View {
    const view = this.views.get(name) ?? this.#constantViews.get(name);
    if (view) return view;
    const constant = this.graph.constants.get(name);
    if (!constant) {
      const maker = this.graph.producers().get(name);
      if (maker) {
        throw nodeError(maker, `its output "${name}" is not supported`, "export the model without it");
      }
      throw new GraphError(
        `Cannot plan: value "${name}" is read before it is made; this is a fault of the planner`,
      );
    }
    const data = constantData(name, constant);
    const key = `constant ${name} ${fingerprint(constant)}`;
    this.weights.set(key, { make: () => data, form: "buffer" });
    const elements = constant.data.length;
    this.#storages.push({ bytes: Math.max(elements, 1) * 4, elements, first: 0, last: 0, weight: key });
    const constantView = denseView(this.#storages.length - 1, constant.dtype, constant.shape, "linear");
    this.#constantViews.set(name, constantView);
    return constantView;
  }

  /**
   * Where an output goes: the memory of what hosts it; the place that was planned for it, if the node that makes it accepts
   * that view; else dense storage.
   */
  destination(name: string, layout: Layout, accepts: (view: View) => boolean): View {
    const existing = this.views.get(name) ?? this.views.get(this.placement.hosts.get(name) ?? "");
    if (existing) return existing;
    const planned = this.#planned(name);
    if (planned && accepts(planned)) return planned;
    return this.allocate(this.types.get(name)!, layout, this.graph.isOutput(name));
  }

  /** Whether a kernel that writes dense tensors of a layout may write a view: whole `vec4`s, but nobody else's elements. */
  writable(view: View, layout: Layout): boolean {
    if (layout === "image") return imageAddress(view) !== undefined;
    const end = view.offset + elementCount(view.shape);
    const storage = this.#storages[view.storage]!;
    return isLinear(view) && view.offset % 4 === 0 && (end % 4 === 0 || end === storage.elements);
  }

  /** The place planned for a value, whose surroundings are made now if need be. */
  #planned(name: string): View | undefined {
    const place = this.placement.places.get(name);
    if (place) {
      const whole = this.#whole(place.within);
      return whole && placeView(whole, place, this.types.get(name)!);
    }
    const seen = this.placement.seen.get(name);
    const whole = seen && this.#whole(seen.as);
    return whole && seen.within(whole);
  }

  /** The whole of a value that others are written into before it is lowered itself. */
  #whole(name: string): View | undefined {
    const existing = this.views.get(name) ?? this.#wholes.get(name);
    if (existing) return existing;
    const layout = this.placement.layouts.get(name)!;
    const joins = this.#producers.get(name)?.op === "Concat";
    let whole = joins
      ? this.destination(name, layout, (view) => this.joinable(name, view))
      : this.#planned(name);
    if (!whole && this.graph.isOutput(name)) whole = this.allocate(this.types.get(name)!, "linear", true);
    if (!whole) return undefined;
    // What is only seen through a view gets its own when it is lowered; until then all parts must agree on one.
    (joins ? this.views : this.#wholes).set(name, whole);
    return whole;
  }

  /** Whether a concatenation may be made in a view: anywhere, unless its parts would lie in place in dense storage. */
  joinable(name: string, view: View): boolean {
    return !this.placement.complete.has(name) || this.writable(view, this.placement.layouts.get(name)!);
  }

  emit(node: Node, dispatch: PlannedDispatch): void {
    this.steps.push(this.#stepOf(node, dispatch, this.steps.length));
  }

  #stepOf(node: Node, dispatch: PlannedDispatch, step: number): PlanStep {
    const viewed = Object.entries(dispatch.bindings).filter((entry): entry is [string, View] =>
      "storage" in entry[1]
    );
    for (const [, view] of viewed) this.#touch(view.storage, step);
    const disjoint: [string, string][] = [];
    for (const [i, [a, first]] of viewed.entries()) {
      for (const [b, second] of viewed.slice(i + 1)) {
        if (first.storage === second.storage && !mayShare(first, second)) disjoint.push([a, b]);
      }
    }
    const half = viewed.filter(([, view]) => this.#storages[view.storage]!.half).map(([name]) => name);
    const options = half.length > 0 ? { options: { ...dispatch.options, half } } : {};
    return { ...dispatch, ...options, label: node.name || node.op, node, disjoint };
  }

  /** A layer is another one with its operands in 16 bits. */
  choose<T extends Candidate>(
    layer: string,
    candidates: readonly T[],
    nameOf?: (candidate: T) => string,
  ): { taken: T; choice: LayerChoice } {
    const kernels = nameOf && { names: this.#kernels, nameOf };
    return chooseAmong(this.#half ? `${layer} f16` : layer, candidates, this.#choices, kernels);
  }

  #touch(storage: number, step: number): void {
    const lifetime = this.#storages[storage]!;
    lifetime.first = Math.min(lifetime.first, step);
    lifetime.last = Math.max(lifetime.last, step);
  }
}

class NodeLowering extends NodeContext implements Lowering {
  readonly #plan: PlanBuilder;

  constructor(plan: PlanBuilder, node: Node) {
    super(node, plan.graph.opset(node), plan.types, plan.graph.constants);
    this.#plan = plan;
  }

  view(index: number): View {
    const name = this.node.inputs[index] ?? "";
    if (name === "") this.fail(`input ${index} is missing`, "export the model again");
    return this.#plan.viewOf(name);
  }

  image(index: number): Addressed {
    return addressed(this.materialise(this.view(index), "image"));
  }

  linear(index: number): View {
    return this.materialise(this.view(index), "linear");
  }

  materialise(view: View, layout: Layout): View {
    if (
      layout === "image" ? imageAddress(view) || isDenseImage(view) : isLinear(view) && view.offset % 4 === 0
    ) {
      return view;
    }
    return this.copy(view, layout);
  }

  copy(view: View, layout: Layout): View {
    const copy = this.temporary(view, layout);
    this.emit(copyDispatch(view, copy));
    return copy;
  }

  output(index: number, layout: Layout, accepts?: (view: View) => boolean): View {
    const name = this.node.outputs[index]!;
    const view = this.#plan.destination(
      name,
      layout,
      accepts ?? ((planned) => this.#plan.writable(planned, layout)),
    );
    this.#plan.views.set(name, view);
    return view;
  }

  count(index: number): View {
    const view = this.#plan.allocate(COUNT, "linear");
    this.#plan.views.set(this.countName(index), view);
    return view;
  }

  joinedOutput(): View {
    const name = this.node.outputs[0]!;
    return this.output(0, this.#plan.placement.layouts.get(name)!, (view) => this.#plan.joinable(name, view));
  }

  imageOutput(index: number): Addressed {
    return addressed(this.output(index, "image"));
  }

  flatOutput(index: number): View {
    return this.output(index, "linear");
  }

  alias(index: number, view: View): void {
    this.#plan.views.set(this.node.outputs[index]!, view);
  }

  temporary(type: TensorType, layout: Layout, whole = false): View {
    return this.#plan.allocate(type, layout, whole);
  }

  get target(): KernelTarget {
    return this.#plan.target;
  }

  weights(key: string, make: () => WeightData, form: WeightForm = "buffer", width?: number): WeightRef {
    // Folded constants may depend on the input's shape: plans of other shapes must not take theirs for these.
    const constants = this.node.inputs.flatMap((_, index) => {
      const constant = this.constant(index);
      return constant ? [fingerprint(constant)] : [];
    });
    const rows = width && ` in rows of ${width}`;
    const weight = `${this.node.name || this.node.outputs[0]} ${key}${rows ?? ""} of ${constants.join(" ")}`;
    this.#plan.weights.set(weight, { make, form, ...(width && { width }) });
    return { weight, form };
  }

  choose: Lowering["choose"] = (layer, candidates, nameOf) => this.#plan.choose(layer, candidates, nameOf);

  emit(dispatch: PlannedDispatch): void {
    this.#plan.emit(this.node, dispatch);
  }
}

/** Type of a count. */
const COUNT: TensorType = { dtype: "i32", shape: [1] };

/** Whether the GPU computes with a tensor as floats. @throws {GraphError} if it has no word there. */
function isGpuFloat({ dtype, shape }: TensorType): boolean {
  try {
    return gpuScalar(dtype) === "f32";
  } catch (error) {
    throw new GraphError(
      `Cannot plan: a tensor of ${dtype} [${shape.join(", ")}] is computed while the network runs; ` +
        `export the model in f32`,
      { cause: error },
    );
  }
}

function constantData(name: string, constant: HostTensor): Words {
  try {
    return toWords(constant);
  } catch (error) {
    throw new GraphError(
      `Cannot plan: constant "${name}": ${(error as Error).message}; export the model with a narrower type`,
      { cause: error },
    );
  }
}
