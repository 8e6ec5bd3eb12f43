/**
 * What an operator is to the engine: a shape rule, a value on the host where it can be known beforehand, and a
 * lowering to dispatches.
 *
 * @module
 */
import type { KernelOptions, KernelSource, KernelTarget, UniformValues, Workgroups } from "../gpu/mod.ts";
import { attr } from "./attribute.ts";
import { nodeError, UnknownValueError } from "./error.ts";
import type { Candidate, LayerChoice } from "./kernel_choice.ts";
import type { Node } from "./node.ts";
import type { DType } from "../tensor/dtype.ts";
import { type HostTensor, toNumbers } from "../tensor/host_tensor.ts";
import { type ImageAddress, imageAddress, type Layout, type View } from "../tensor/view.ts";

/** Type and shape of a value. */
export interface TensorType {
  readonly dtype: DType;
  /** Extents; where a size depends on data, its bound. */
  readonly shape: readonly number[];
  /**
   * For each axis whose extent depends on data: the name of the value (one `i32` on the GPU) that counts the elements
   * that mean something; those after them are zero.
   */
  readonly counts?: Counts;
}

/** The values that hold an axis's live extent, by axis. */
export type Counts = readonly (string | undefined)[];

/** One operator of one domain. */
export interface Operator {
  /** ONNX's name. */
  readonly op: string;
  /** ONNX's own domain when left out. */
  readonly domain?: string;
  /** The operator sets whose form of the operator is understood: first and last. */
  readonly opsets: readonly [first: number, last: number];
  /** What the first input may be of while the network runs: floats if left out. */
  readonly types?: readonly DType[];
  /** How the kernels store the outputs; "same": as the first input is; linear when left out. */
  readonly layout?: Layout | "same";
  /** The kernels apply an epilogue, so element-wise nodes behind this one may be fused into it. */
  readonly fusesEpilogue?: boolean;
  /** Checks the node and tells its outputs' types. */
  infer(node: NodeContext): TensorType[];
  /** The outputs on the host, when every input is constant (or, as with Shape, only types matter). */
  evaluate?(node: NodeContext, inputs: readonly (HostTensor | undefined)[]): HostTensor[];
  /** The outputs depend on the inputs' types alone. */
  readonly dependsOnTypesOnly?: boolean;
  /**
   * For operators that keep elements of no meaning apart from the others: where the outputs' counts come from, given
   * inputs of which some have counts. Operators without it refuse such inputs.
   */
  counts?(node: NodeContext): (Counts | undefined)[];
  /** For operators that move nothing: the outputs as views of a view of the first input; `undefined` where none can say it. */
  views?(node: NodeContext, x: View): (View | undefined)[];
  /** Emits the dispatches; left out where the operator is only ever folded. */
  lower?(node: Lowering): void;
}

/** A node with what is known about its inputs. */
export class NodeContext {
  readonly node: Node;
  readonly opset: number;
  readonly #types: ReadonlyMap<string, TensorType>;
  readonly #constants: ReadonlyMap<string, HostTensor>;

  constructor(
    node: Node,
    opset: number,
    types: ReadonlyMap<string, TensorType>,
    constants: ReadonlyMap<string, HostTensor>,
  ) {
    this.node = node;
    this.opset = opset;
    this.#types = types;
    this.#constants = constants;
  }

  /** How many inputs are the operator's own; those of fused steps come after them. */
  get arity(): number {
    return (this.node as Node & { arity?: number }).arity ?? this.node.inputs.length;
  }

  /** Whether the operator's own input `index` is given. */
  has(index: number): boolean {
    return index < this.arity && (this.node.inputs[index] ?? "") !== "";
  }

  /** Type and shape of input `index`. @throws {GraphError} if it is left out. */
  type(index: number): TensorType {
    const type = this.#types.get(this.node.inputs[index] ?? "");
    return type ?? this.fail(`input ${index} is missing`, "export the model again");
  }

  /** Shape of input `index`. */
  shape(index: number): readonly number[] {
    return this.type(index).shape;
  }

  /** Type of output `index`, once it was inferred. */
  outputType(index: number): TensorType {
    return this.#types.get(this.node.outputs[index]!)!;
  }

  /** The value of input `index`, if it is constant. */
  constant(index: number): HostTensor | undefined {
    return this.#constants.get(this.node.inputs[index] ?? "");
  }

  /** The numbers of a constant input, or `undefined` if it is left out. @throws {GraphError} if it is not constant. */
  numbers(index: number, name: string): number[] | undefined {
    if (!this.has(index)) return undefined;
    const constant = this.constant(index);
    if (constant) return toNumbers(constant);
    throw new UnknownValueError(this.node, name, this.node.inputs[index]!);
  }

  /** The name of the value that counts output `index`, for operators whose output's size depends on data. */
  countName(index: number): string {
    return `${this.node.name}#count${index}`;
  }

  /** A list given as an attribute in old operator sets and as an input in newer ones. */
  listFrom(attribute: string, index: number): number[] | undefined {
    if (this.has(index)) return this.numbers(index, attribute);
    return attr.has(this.node, attribute) ? [...attr.ints(this.node, attribute)] : undefined;
  }

  /** An axis counted from 0. @throws {GraphError} if the rank has no such axis. */
  axis(axis: number, rank: number): number {
    if (axis < -rank || axis >= Math.max(rank, 1)) {
      this.fail(`axis ${axis} does not exist in rank ${rank}`, "export the model again");
    }
    return axis < 0 ? axis + rank : axis;
  }

  /** Throws an error about this node. */
  fail(what: string, advice: string): never {
    throw nodeError(this.node, what, advice);
  }
}

/** Weights or other constants in a GPU buffer of their own, shared by all plans of a session. */
export interface WeightRef {
  readonly weight: string;
  /** Where they are kept: a buffer, or a texture of `vec4`s for kernels that bind one. */
  readonly form: WeightForm;
}

/** Elements of a constant as a kernel reads them; textures hold floats alone. */
export type WeightData = Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

/** Memory of constants. */
export type WeightForm = "buffer" | "texture";

/** A dispatch in a plan: like the GPU floor's, with views and weights in place of ranges. */
export interface PlannedDispatch {
  kernel: KernelSource;
  options?: KernelOptions;
  bindings: Readonly<Record<string, View | WeightRef>>;
  uniforms: UniformValues;
  workgroups: Workgroups;
  /** Multiply-adds, for reports. */
  multiplyAdds?: number;
  /** Why this kernel and no other, in words, where there was a choice. */
  why?: string;
  /** What was chosen, and among what, where there are several kernels or tiles. */
  choice?: LayerChoice;
  /**
   * The same with the image that it writes in another view, of ONNX's order; left out, or without a result, where the kernel
   * cannot write so. What leaves a network need not be copied then.
   */
  asPlanes?(y: View): PlannedDispatch | undefined;
}

/** What a lowering has at hand: the node, the views of its inputs, and a place to emit dispatches. */
export interface Lowering extends NodeContext {
  /** Where input `index` lies; a constant is uploaded. */
  view(index: number): View;
  /** Input `index` as `vec4` over channels, copied into an image if it lies otherwise. */
  image(index: number): Addressed;
  /** Input `index` dense in ONNX's order, copied if it lies otherwise. */
  linear(index: number): View;
  /** Any view in the layout asked for, copied if it lies otherwise. */
  materialise(view: View, layout: Layout): View;
  /** A dense copy of a view. */
  copy(view: View, layout: Layout): View;
  /**
   * Storage for output `index`: dense, or the place in a concatenation that was planned for it, if `accepts` it. By default
   * a place is accepted that can be written as the dense storage would be: whole `vec4`s.
   */
  output(index: number, layout: Layout, accepts?: (view: View) => boolean): View;
  /** Storage for the output of a concatenation, in which parts may lie already; any view. */
  joinedOutput(): View;
  /** Storage for the count of output `index`: one `i32`. */
  count(index: number): View;
  /** The same for an output that a kernel writes as `vec4` over channels. */
  imageOutput(index: number): Addressed;
  /** The same for an output that a kernel writes as one flat row of `vec4`s, up to three zeros after its end. */
  flatOutput(index: number): View;
  /** Makes output `index` another view of existing storage. */
  alias(index: number, view: View): void;
  /** Dense storage that lives until the last dispatch that reads it; `whole` keeps floats in 32 bits in every session. */
  temporary(type: TensorType, layout: Layout, whole?: boolean): View;
  /**
   * A constant made once for all plans of the session. `key` names it within the node, and whatever it is made of besides
   * the node's attributes and constant inputs: shapes, packings.
   *
   * @param width texels of a row, where a kernel counts on it; part of the name.
   */
  weights(key: string, make: () => WeightData, form?: WeightForm, width?: number): WeightRef;
  /** What kernels are chosen for. */
  readonly target: KernelTarget;
  /**
   * Which of several ways a layer is computed in: what was measured to be best, else the first.
   *
   * @param layer what it computes, in numbers: equal layers of any networks are known by what was measured of one.
   * @param candidates the estimate's own first; at least one.
   * @param nameOf names a candidate's kernel with all that is compiled into it: of those that are about as fast, one is taken
   * whose kernel the plan has already. Left out, kernels are not shared for their own sake.
   */
  choose<T extends Candidate>(
    layer: string,
    candidates: readonly T[],
    nameOf?: (candidate: T) => string,
  ): { taken: T; choice: LayerChoice };
  /** Adds a dispatch to the plan. */
  emit(dispatch: PlannedDispatch): void;
}

/** A view and how kernels address it as `vec4`s. */
export interface Addressed {
  view: View;
  address: ImageAddress;
}

/** A view that is known to be addressable as `vec4`s. */
export function addressed(view: View): Addressed {
  const address = imageAddress(view);
  if (!address) throw new Error(`view of shape [${view.shape}] is no image`);
  return { view, address };
}

/** The uniform fields by which image kernels address an operand: `x_offset`, `x_stride_n`, `x_stride_h`, `x_stride_w`. */
export function addressUniforms(prefix: string, address: ImageAddress): Record<string, number> {
  return {
    [`${prefix}_offset`]: address.offset,
    [`${prefix}_stride_n`]: address.strideN,
    [`${prefix}_stride_h`]: address.strideH,
    [`${prefix}_stride_w`]: address.strideW,
  };
}
