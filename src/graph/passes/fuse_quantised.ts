import { attr } from "../../ops/attribute.ts";
import type { Attribute } from "../../ops/attribute.ts";
import type { Node } from "../../ops/node.ts";
import { NodeContext } from "../../ops/operator.ts";
import { quantise, type Scheme, schemeOfType, tableOf } from "../../ops/quantized_scheme.ts";
import { type HostTensor, hostTensor, toNumbers } from "../../tensor/host_tensor.ts";
import type { DequantisedConstant, SpecialisedGraph } from "../specialise.ts";
import { moveThrough } from "./move_quantised.ts";

/**
 * Takes networks that quantise and dequantise around operators of floats to operators of bytes:
 *
 * - a convolution or matrix product of dequantised operands, perhaps cut off by Relu or Clip, that is quantised again;
 * - sums, products, means and concatenations of such;
 * - functions of single values, as a table of the bytes; what moves values or takes maxima, on the bytes themselves;
 * - dequantised values that are quantised again in the same way.
 *
 * Only 8-bit types with constant scales; whatever else is quantised stays as it stands.
 */
export function fuseQuantised(specialised: SpecialisedGraph): void {
  const fuser = new QuantisedFuser(specialised);
  for (const node of [...specialised.graph.nodes]) if (node.op === "QuantizeLinear") fuser.fuse(node);
  specialised.graph.removeDeadNodes();
}

/** Bytes that stand for floats: one scale for all, or one for each element along `axis`. */
export interface Source {
  /** The value that holds them. */
  name: string;
  /** With a scale and zero point that are those of the first element along the axis. */
  scheme: Scheme;
  scales: readonly number[];
  zeros: readonly number[];
  axis: number;
  /** The elements, if they are constant. */
  tensor?: HostTensor;
}

/** Finds what can be fused before one QuantizeLinear after the other. */
export class QuantisedFuser {
  readonly graph: SpecialisedGraph["graph"];
  readonly types: SpecialisedGraph["types"];
  readonly #dequantised: ReadonlyMap<string, DequantisedConstant>;
  readonly #producers: Map<string, Node>;
  readonly #consumers: ReadonlyMap<string, Node[]>;
  readonly #numbers = new Map<string, string>();

  constructor({ graph, types, dequantised = new Map() }: SpecialisedGraph) {
    this.graph = graph;
    this.types = types;
    this.#dequantised = dequantised;
    this.#producers = graph.producers();
    this.#consumers = graph.consumers();
  }

  /** Puts one operator of bytes in the place of a QuantizeLinear, if it can. */
  fuse(quantize: Node): void {
    const to = this.#target(quantize);
    if (!to) return;
    if (moveThrough(this, quantize, to)) return;
    const limited = this.#limited(quantize.inputs[0]!, to);
    const core = this.maker(limited.value);
    if (!core || core.domain !== "") return;
    const cut = limited.to.low !== to.low || limited.to.high !== to.high;
    switch (core.op) {
      case "Conv":
        return this.#fuseConv(quantize, core, limited.to);
      case "MatMul":
      case "Gemm":
        return this.#fuseProduct(quantize, core, limited.to);
      case "Add":
      case "Mul":
        return this.#fusePair(quantize, core, limited.to);
      case "GlobalAveragePool":
      case "ReduceMean":
        return cut ? undefined : this.#fuseMean(quantize, core, to);
      case "AveragePool":
        return cut ? undefined : this.#fuseAverage(quantize, core, to);
      case "Concat":
        return cut ? undefined : this.#fuseConcat(quantize, core, to);
    }
  }

  /** The node that makes a value that nothing else reads. */
  maker(value: string): Node | undefined {
    const alone = this.#consumers.get(value)?.length === 1 && !this.graph.isOutput(value);
    return alone ? this.#producers.get(value) : undefined;
  }

  /** The context of a node of the graph. */
  context(node: Node): NodeContext {
    return new NodeContext(node, this.graph.opset(node), this.types, this.graph.constants);
  }

  /** The bytes behind a value, if a DequantizeLinear with constant scales makes it. */
  source(value: string): Source | undefined {
    const constant = this.#dequantised.get(value);
    if (constant && this.graph.constants.has(value)) {
      const [tensor, scale, zero] = constant.inputs;
      return this.#sourceOf(constant.node, tensor!, scale, zero, tensor);
    }
    const node = this.#producers.get(value);
    if (node?.op !== "DequantizeLinear") return undefined;
    const scale = this.graph.constants.get(node.inputs[1]!);
    const zeroName = node.inputs[2] ?? "";
    const zero = this.graph.constants.get(zeroName);
    if (zeroName !== "" && !zero) return undefined;
    return this.#sourceOf(node, this.types.get(node.inputs[0]!)!, scale, zero);
  }

  /** The same if one scale serves all elements. */
  plainSource(value: string): Source | undefined {
    const source = this.source(value);
    return source?.scales.length === 1 ? source : undefined;
  }

  #sourceOf(
    node: Node,
    { dtype, shape }: { dtype: Scheme["dtype"]; shape: readonly number[] },
    scale: HostTensor | undefined,
    zero: HostTensor | undefined,
    tensor?: HostTensor,
  ): Source | undefined {
    if (!scale || attr.int(node, "block_size", 0) !== 0 || attr.int(node, "output_dtype", 1) !== 1) {
      return undefined;
    }
    const scales = toNumbers(scale);
    const zeros = zero ? toNumbers(zero) : scales.map(() => 0);
    const scheme = schemeOfType(dtype, scales[0]!, zeros[0]!);
    if (!scheme || scale.dtype !== "f32") return undefined;
    const axis = attr.int(node, "axis", 1);
    const name = tensor ? this.constant(node.inputs[0]!, tensor) : node.inputs[0]!;
    return {
      name,
      scheme,
      scales,
      zeros,
      axis: axis < 0 ? axis + shape.length : axis,
      ...(tensor && { tensor }),
    };
  }

  /** What a QuantizeLinear makes: 8 bits, by one constant scale. */
  #target(node: Node): Scheme | undefined {
    const context = this.context(node);
    const [scale, zero] = [context.constant(1), context.constant(2)];
    const { dtype } = this.types.get(node.outputs[0]!)!;
    if (scale?.data.length !== 1 || scale.dtype !== "f32" || attr.int(node, "block_size", 0) !== 0) {
      return undefined;
    }
    if (context.has(2) && !zero) return undefined;
    return schemeOfType(dtype, toNumbers(scale)[0]!, zero ? toNumbers(zero)[0]! : 0);
  }

  /**
   * Walks back over Relu and Clip. As quantising keeps the order of values, they cut off the bytes as they do the floats.
   */
  #limited(value: string, to: Scheme): { value: string; to: Scheme } {
    let limits = to;
    for (;;) {
      const node = this.maker(value);
      const bounds = node && this.#bounds(node);
      if (!bounds) return { value, to: limits };
      const [low, high] = bounds.map((bound) => quantise(bound, to)) as [number, number];
      // Cut off at the lower end first, as Clip does.
      limits = { ...limits, low: Math.max(limits.low, low), high: Math.min(limits.high, high) };
      if (limits.low > limits.high) return { value, to };
      value = node.inputs[0]!;
    }
  }

  #bounds(node: Node): readonly [low: number, high: number] | undefined {
    if (node.domain !== "") return undefined;
    if (node.op === "Relu") return [0, Infinity];
    if (node.op !== "Clip") return undefined;
    const context = this.context(node);
    if (context.opset < 11) {
      return [attr.float(node, "min", -Infinity), attr.float(node, "max", Infinity)];
    }
    const bound = (index: number, none: number): number | undefined => {
      if (!context.has(index)) return none;
      const constant = context.constant(index);
      return constant && toNumbers(constant)[0];
    };
    const [low, high] = [bound(1, -Infinity), bound(2, Infinity)];
    return low === undefined || high === undefined ? undefined : [low, high];
  }

  #fuseConv(quantize: Node, conv: Node, to: Scheme): void {
    const x = this.plainSource(conv.inputs[0]!);
    const w = this.source(conv.inputs[1]!);
    if (!x || !w?.tensor || (w.scales.length > 1 && w.axis !== 0)) return;
    const bias = this.#bias(conv.inputs[2] ?? "", x, w, w.tensor.shape[0]!);
    if (bias === undefined) return;
    const inputs = [...this.operand(x), ...this.operand(w), ...this.parameters(to)];
    this.replace(
      quantize,
      conv,
      "QLinearConv",
      "",
      bias === "" ? inputs : [...inputs, bias],
      this.#cut(conv, to),
    );
  }

  #fuseProduct(quantize: Node, product: Node, to: Scheme): void {
    const a = this.plainSource(product.inputs[0]!);
    const b = this.source(product.inputs[1]!);
    if (!a || !b) return;
    const shape = this.types.get(b.name)!.shape;
    const gemm = product.op === "Gemm";
    const columnAxis = gemm && attr.int(product, "transB", 0) === 1 ? 0 : shape.length - 1;
    if (b.scales.length > 1 && (shape.length !== 2 || b.axis !== columnAxis)) return;
    if (!gemm) {
      const inputs = [...this.operand(a), ...this.operand(b), ...this.parameters(to)];
      return this.replace(quantize, product, "QLinearMatMul", "", inputs, this.#cut(product, to));
    }
    const plain = attr.float(product, "alpha", 1) === 1 && attr.float(product, "beta", 1) === 1;
    const bias = plain ? this.#bias(product.inputs[2] ?? "", a, b, shape[columnAxis]!) : undefined;
    if (bias === undefined) return;
    const inputs = [...this.operand(a), ...this.operand(b), bias, ...this.parameters(to)];
    const attributes = this.#cut(product, to);
    attributes.delete("beta");
    this.replace(quantize, product, "QGemm", "com.microsoft", inputs, attributes);
  }

  /**
   * A bias in whole steps of the products' scales: the constant that holds it, "" without a bias, `undefined` if it cannot
   * be said so.
   */
  #bias(name: string, x: Source, w: Source, channels: number): string | undefined {
    if (name === "") return "";
    const floats = this.graph.constants.get(name);
    if (!floats || floats.data.length !== channels || floats.shape.at(-1) !== channels) return undefined;
    const steps = Array.from(
      { length: channels },
      (_, i) => Math.fround(x.scheme.scale * w.scales[w.scales.length === 1 ? 0 : i]!),
    );
    const exact = this.#exactBias(name, steps);
    const whole = exact ?? toNumbers(floats).map((value, i) => Math.round(value / steps[i]!));
    if (whole.some((value) => !(Math.abs(value) < 2 ** 31))) return undefined;
    return this.constant(`${name} whole`, hostTensor("i32", [channels], whole));
  }

  /** The integers that a bias was dequantised from, if their scales are the products' own. */
  #exactBias(name: string, steps: readonly number[]): number[] | undefined {
    const constant = this.#dequantised.get(name);
    const [tensor, scale, zero] = constant?.inputs ?? [];
    if (tensor?.dtype !== "i32" || !scale || (zero && toNumbers(zero).some((value) => value !== 0))) {
      return undefined;
    }
    const scales = toNumbers(scale);
    const own = steps.every((step, i) => {
      const given = scales[scales.length === 1 ? 0 : i]!;
      return Math.abs(given - step) <= 1e-6 * step;
    });
    return own ? toNumbers(tensor) : undefined;
  }

  #fusePair(quantize: Node, pair: Node, to: Scheme): void {
    const [a, b] = pair.inputs.map((name) => this.plainSource(name));
    if (!a || !b || a.scheme.dtype !== to.dtype || b.scheme.dtype !== to.dtype) return;
    const inputs = [...this.operand(a), ...this.operand(b), ...this.parameters(to)];
    this.replace(quantize, pair, `QLinear${pair.op}`, "com.microsoft", inputs, this.#cut(pair, to));
  }

  #fuseMean(quantize: Node, mean: Node, to: Scheme): void {
    const x = this.plainSource(mean.inputs[0]!);
    const shape = this.types.get(mean.inputs[0]!)!.shape;
    if (!x || x.scheme.dtype !== to.dtype || shape.length < 3 || !this.#overAllPixels(mean, shape.length)) {
      return;
    }
    const out = this.types.get(quantize.outputs[0]!)!;
    const inputs = [...this.operand(x), ...this.parameters(to)];
    const op = "QLinearGlobalAveragePool";
    if (out.shape.length === shape.length) {
      return this.replace(quantize, mean, op, "com.microsoft", inputs, new Map());
    }
    const pooled = this.value(`${mean.name} pooled`, {
      ...out,
      shape: [...out.shape, ...shape.slice(2).map(() => 1)],
    });
    const extents = this.constant(`${mean.name} extents`, hostTensor("i64", [out.shape.length], out.shape));
    if (!this.graph.opsets.has("com.microsoft")) this.graph.opsets.set("com.microsoft", 1);
    this.replace(quantize, mean, "Reshape", "", [pooled, extents], new Map(), [
      { name: mean.name, op, domain: "com.microsoft", inputs, outputs: [pooled], attributes: new Map() },
    ]);
  }

  #fuseAverage(quantize: Node, pool: Node, to: Scheme): void {
    const x = this.plainSource(pool.inputs[0]!);
    const planar = this.types.get(pool.inputs[0]!)!.shape.length <= 4;
    if (!x || x.scheme.dtype !== to.dtype || !planar) return;
    const inputs = [...this.operand(x), ...this.parameters(to)];
    this.replace(quantize, pool, "QLinearAveragePool", "com.microsoft", inputs, new Map(pool.attributes));
  }

  #overAllPixels(mean: Node, rank: number): boolean {
    if (mean.op === "GlobalAveragePool") return true;
    const context = this.context(mean);
    if (context.has(1) && !context.constant(1)) return false;
    const axes = context.listFrom("axes", 1) ?? [];
    const reduced = new Set(axes.map((axis) => axis < 0 ? axis + rank : axis));
    return reduced.size === rank - 2 && !reduced.has(0) && !reduced.has(1);
  }

  #fuseConcat(quantize: Node, concat: Node, to: Scheme): void {
    const sources = concat.inputs.map((name) => this.plainSource(name));
    if (sources.some((source) => !source)) return;
    const tables: Node[] = [];
    const inputs = (sources as Source[]).map((source, i) => {
      const { dtype, scale, zero } = source.scheme;
      if (dtype === to.dtype && scale === to.scale && zero === to.zero) return source.name;
      const { shape } = this.types.get(concat.inputs[i]!)!;
      const part = this.value(`${concat.name} part ${i}`, { dtype: to.dtype, shape });
      tables.push(this.tableNode(source, to, tableOf(source.scheme, to, (value) => value), part));
      return part;
    });
    this.replace(quantize, concat, "Concat", "", inputs, new Map(concat.attributes), tables);
  }

  /** A node that looks bytes up. */
  tableNode(source: Source, to: Scheme, values: ArrayLike<number>, output: string): Node {
    const table = this.constant(`${output} table`, hostTensor(to.dtype, [values.length], Array.from(values)));
    return {
      name: output,
      op: "QuantisedTable",
      domain: "",
      inputs: [source.name, table],
      outputs: [output],
      attributes: new Map(),
    };
  }

  /** A core's attributes, and the range that its result is cut to, where that is not its type's own. */
  #cut(core: Node, to: Scheme): Map<string, Attribute> {
    const own = schemeOfType(to.dtype, to.scale, to.zero)!;
    const attributes = new Map(core.attributes);
    if (to.low !== own.low) attributes.set("low", { type: "int", value: to.low });
    if (to.high !== own.high) attributes.set("high", { type: "int", value: to.high });
    return attributes;
  }

  /** Bytes, scale and zero point, as operators of bytes take them. */
  operand({ name, scheme, scales, zeros }: Source): string[] {
    if (scales.length === 1) return [name, ...this.parameters(scheme)];
    return [
      name,
      this.constant(`${name} scales`, hostTensor("f32", [scales.length], [...scales])),
      this.constant(`${name} zeros`, hostTensor(scheme.dtype, [zeros.length], [...zeros])),
    ];
  }

  /** Constants with a scale and a zero point. */
  parameters({ dtype, scale, zero }: Scheme): [scale: string, zero: string] {
    return [this.#number("f32", scale), this.#number(dtype, zero)];
  }

  #number(dtype: Scheme["dtype"], value: number): string {
    const key = `${dtype} ${value}`;
    const name = this.#numbers.get(key) ?? this.constant(key, hostTensor(dtype, [], [value]));
    this.#numbers.set(key, name);
    return name;
  }

  /** Adds a constant. */
  constant(base: string, tensor: HostTensor): string {
    const name = this.graph.addConstant(base, tensor);
    this.types.set(name, tensor);
    return name;
  }

  /** Adds a name for a value that a new node makes. */
  value(base: string, type: { dtype: Scheme["dtype"]; shape: readonly number[] }): string {
    // The graph finds names by its nodes, and these come later.
    let name = this.graph.freshName(base);
    while (this.types.has(name)) name += "'";
    this.types.set(name, type);
    return name;
  }

  /** Puts a node that makes what `quantize` made in its place, under the name of the node that it stands for. */
  replace(
    quantize: Node,
    core: Node,
    op: string,
    domain: string,
    inputs: string[],
    attributes: Map<string, Attribute>,
    before: readonly Node[] = [],
  ): void {
    if (domain !== "" && !this.graph.opsets.has(domain)) this.graph.opsets.set(domain, 1);
    const fused: Node = { name: core.name, op, domain, inputs, outputs: [...quantize.outputs], attributes };
    this.place(quantize, [...before, fused]);
  }

  /** Puts nodes in the place of one; the last makes what it made. */
  place(old: Node, nodes: readonly Node[]): void {
    this.graph.replaceNode(old, ...nodes);
    for (const node of nodes) {
      for (const output of node.outputs) this.#producers.set(output, node);
    }
  }
}
