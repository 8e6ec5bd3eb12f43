/**
 * Matrix products: what Gemm, MatMul and Einsum have in common. What was chosen of a family of kernels, as dispatches.
 *
 * @module
 */
import STRIDED from "../../shaders/gemm/strided.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource, TEXTURE_WIDTH } from "../gpu/mod.ts";
import { type DType, gpuScalar } from "../tensor/dtype.ts";
import { elementCount, type HostTensor, toFloat32 } from "../tensor/host_tensor.ts";
import {
  denseView,
  expandView,
  permuteView,
  reshapeView,
  sliceView,
  type View,
  viewOffsets,
} from "../tensor/view.ts";
import { whyProduct } from "./choice_reasons.ts";
import { copyDispatch } from "./copy.ts";
import { type EpilogueStep, epilogueSteps, planEpilogue, type PlannedEpilogue } from "./epilogue.ts";
import { whyChosen } from "./kernel_choice.ts";
import { TEXTURE_WEIGHTS } from "./kernel_text.ts";
import { mapFlatDispatch } from "./map.ts";
import type { Lowering, WeightRef } from "./operator.ts";
import { productCandidates, type ProductExtents, productLayer } from "./product_candidates.ts";
import { axesCount, extentRow, MAX_ITERATIONS, MAX_STRIDED_RANK, mergeAxes, strideRow } from "./strided.ts";
import type { StridedAxis } from "./strided.ts";
import { typesOf, wrapTo } from "./types.ts";

const stridedKernel: KernelSource = { name: "gemm/strided", wgsl: STRIDED };

/** `y = epilogue(alpha * a * b + beta * c)`, with the steps that were fused behind the node. */
export interface Product {
  /** `[..., rows, depth]`. */
  a: View;
  /** `[..., depth, columns]`, with the same leading dimensions; of a constant without storage of its own, see `operand`. */
  b: View;
  /** The node's input that `b` is a view of; -1 if `b` has storage, whatever it is. */
  bIndex: number;
  /** The node's input that is added, which broadcasts to the output. */
  cIndex?: number;
  alpha?: number;
  beta?: number;
  /** What follows the sums, in place of alpha, c and the node's fused steps. */
  steps?: readonly EpilogueStep[];
  /** Where it goes: linear storage of `[..., rows, columns]`; output 0 if left out. */
  y?: View;
}

/** A view of an input: a constant gets no storage until a kernel asks for it. */
export function operand(node: Lowering, index: number): View {
  const constant = node.constant(index);
  return constant ? denseView(-1, constant.dtype, constant.shape, "linear") : node.view(index);
}

/** The same view, over storage. */
function stored(node: Lowering, view: View, index: number): View {
  return view.storage >= 0 ? view : { ...view, storage: node.view(index).storage };
}

/** Emits the product into output 0, which is linear. */
export function emitProduct(node: Lowering, product: Product): void {
  const { shape, dtype } = node.outputType(0);
  if (elementCount(shape) === 0) {
    if (!product.y) node.output(0, "linear");
    return;
  }
  const [rows, depth] = product.a.shape.slice(-2) as [number, number];
  const columns = product.b.shape.at(-1)!;
  const { beta = 1 } = product;
  const batches = elementCount(product.a.shape.slice(0, -2));
  const fast = !node.target.plain && gpuScalar(dtype) === "f32" && depth >= 4 && columns >= 4 &&
    depth <= MAX_ITERATIONS && (product.cIndex === undefined || beta === 1) &&
    batches * rows * columns * depth >= 1024;
  if (fast) emitVectors(node, product);
  else emitStrided(node, product);
}

/** What a kernel writes as one list of rows, in which operands of an epilogue are found. */
function rowEpilogue(node: Lowering, steps: readonly EpilogueStep[], columns: number): PlannedEpilogue {
  const { shape } = node.outputType(0);
  const rows = elementCount(shape) / columns;
  // To an epilogue the product is an image: its rows the pixels, its columns the channels.
  const seen = new Proxy(node, {
    get(target, key) {
      if (key === "view") return (index: number) => asPixels(node, node.view(index), shape);
      const value = Reflect.get(target, key, target) as unknown;
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  return planEpilogue(seen, [1, columns, 1, rows], "image", steps);
}

/** A view that broadcasts to `shape`, as the channels and pixels of an image. */
function asPixels(node: Lowering, view: View, shape: readonly number[]): View {
  const missing = shape.length - view.shape.length;
  const own = [...new Array<number>(missing).fill(1), ...view.shape];
  const last = view.strides.at(-1) ?? 0;
  const image = (columns: number, rows: number, stride: number, from: View): View => ({
    ...from,
    shape: [1, columns, 1, rows],
    strides: [0, last === 0 || columns === 1 ? 0 : from.strides.at(-1)!, 0, stride],
    padded: false,
  });
  const columns = own.at(-1)!;
  if (own.slice(0, -1).every((extent) => extent === 1)) return image(columns, 1, 0, view);
  const rows = elementCount(shape.slice(0, -1));
  const whole = expandView(view, [...shape.slice(0, -1), columns]);
  const flat = reshapeView(whole, [rows, columns]) ??
    reshapeView(node.copy(whole, "linear"), [rows, columns])!;
  return image(columns, rows, flat.strides[0]!, flat);
}

/** Kernels that read a along k, and b along n, as `vec4`s. */
function emitVectors(node: Lowering, product: Product): void {
  const [rows, depth] = product.a.shape.slice(-2) as [number, number];
  const columns = product.b.shape.at(-1)!;
  const depth4 = Math.ceil(depth / 4);
  const constant = product.bIndex < 0 ? undefined : node.constant(product.bIndex);
  const packs = constant &&
    product.b.strides.slice(0, -2).every((stride, axis) => stride === 0 || product.b.shape[axis] === 1);
  const most = Math.floor((node.target.bindingBytes ?? 2 ** 27) / (depth4 * 64)) * 4;
  if (packs && columns > most) return emitPieces(node, product, most);
  const a = wholeVectors(node, product.a);
  const given = packs ? undefined : stored(node, product.b, product.bIndex);
  // The kernel for subgroups takes b's columns as they lie, too: the keys of an attention.
  const alongK = given !== undefined && node.target.software && node.target.subgroups && rows >= 8 &&
    depth % 4 === 0 && liesInVectors(swapLast(given)) && !liesInVectors(given);
  const b = given && (alongK ? given : wholeVectors(node, given));
  const [aRow, bRow] = [a.strides.at(-2)!, b?.strides.at(-2) ?? 0];
  // Rows go on through the batch where b does not change.
  const merged = mergeAxes([
    ...a.shape.slice(0, -2).map((extent, axis) => ({
      extent,
      strides: [a.strides[axis]!, b?.strides[axis] ?? 0],
    })),
    { extent: rows, strides: [aRow, 0] },
  ]);
  const last = merged.at(-1);
  const [batch, rowAxis] = last && last.strides[1] === 0
    ? [merged.slice(0, -1), last]
    : [merged, { extent: 1, strides: [0, 0] }];
  if (batch.length > MAX_STRIDED_RANK) {
    node.fail(`multiplies in ${batch.length} batch dimensions`, `up to ${MAX_STRIDED_RANK} are supported`);
  }
  const y = product.y ?? node.output(0, "linear");
  const steps = product.steps ?? stepsOf(node, product);
  const epilogue = rowEpilogue(node, steps, columns);
  const extents: ProductExtents = { batches: axesCount(batch), rows: rowAxis.extent, columns, depth };
  const inTexture = packs && node.target.software && Math.ceil(columns / 4) * depth4 * 4 <= MAX_TEXELS;
  const factor = { inTexture: inTexture === true, packed: packs === true, alongK };
  const candidates = productCandidates(extents, factor, node.target);
  const { taken, choice } = node.choose(productLayer(extents, factor), candidates);
  const weights: View | WeightRef = b ?? node.weights(
    `packed ${product.b.strides.slice(-2)} from ${product.b.offset}, ${columns} columns`,
    () => packColumns(constant!, product.b),
    inTexture ? "texture" : "buffer",
  );
  const whole = columns % 4 === 0 && y.offset % 4 === 0;
  const quarter = (axes: readonly StridedAxis[]): StridedAxis[] =>
    axes.map((axis) => ({ ...axis, strides: axis.strides.map((stride) => stride / 4) }));
  node.emit({
    kernel: taken.kernel,
    options: {
      overrides: { ...taken.options.overrides, ...(alongK && { ALONG_K: true }) },
      inject: {
        ...taken.options.inject,
        ...epilogue.inject,
        ...(packs && { weights: inTexture ? TEXTURE_WEIGHTS : BUFFER_WEIGHTS }),
        ...(whole && { store: WHOLE_STORE }),
      },
    },
    bindings: { a, [inTexture ? "weights" : "b"]: weights, y, ...epilogue.bindings },
    uniforms: {
      rows: rowAxis.extent,
      columns,
      depth,
      batches: extents.batches,
      batch_rank: batch.length,
      a_offset: a.offset / 4,
      a_stride_m: rowAxis.strides[0]! / 4,
      b_offset: b ? b.offset / 4 : 0,
      b_stride_n: alongK ? b!.strides.at(-1)! / 4 : b ? 1 : depth4 * 4,
      b_stride_k: b && !alongK ? bRow / 4 : 1,
      y_offset: y.offset,
      batch_extents: extentRow(batch),
      batch_a_strides: strideRow(quarter(batch), 0),
      batch_b_strides: strideRow(quarter(batch), 1),
      operands: epilogue.operands,
    },
    workgroups: foldWorkgroups(taken.workgroups),
    multiplyAdds: extents.batches * extents.rows * columns * depth,
    why: whyChosen(choice, () => whyProduct(extents, taken, inTexture === true)),
    choice,
  });
}

/** What follows the sum of products. */
function stepsOf(node: Lowering, { alpha = 1, cIndex }: Product): EpilogueStep[] {
  return [
    ...alpha === 1 ? [] : [{ kind: "constant", op: "Mul", constant: alpha, swapped: false } as const],
    ...cIndex === undefined ? [] : [{ kind: "operand", op: "Add", input: cIndex, swapped: false } as const],
    ...epilogueSteps(node.node),
  ];
}

/** Weights that no binding of the adapter holds: `most` columns at a time, side by side, and the steps at the end. */
function emitPieces(node: Lowering, product: Product, most: number): void {
  const { dtype, shape } = node.outputType(0);
  const columns = shape.at(-1)!;
  const sums = node.temporary({ dtype, shape }, "linear");
  for (let first = 0; first < columns; first += most) {
    const count = Math.min(most, columns - first);
    const piece = node.temporary({ dtype, shape: shape.with(-1, count) }, "linear");
    const b = sliceView(product.b, product.b.shape.length - 1, first, count, 1);
    emitVectors(node, { a: product.a, b, bIndex: product.bIndex, y: piece, steps: [] });
    node.emit(copyDispatch(piece, sliceView(sums, shape.length - 1, first, count, 1)));
  }
  const y = product.y ?? node.output(0, "linear");
  node.emit(
    mapFlatDispatch(sums, y, planEpilogue(node, shape, "linear", product.steps ?? stepsOf(node, product))),
  );
}

/** Texels of a texture that every adapter has room for. */
const MAX_TEXELS = TEXTURE_WIDTH * 8192;

const BUFFER_WEIGHTS = `@group(0) @binding(1) var<storage, read> b: array<vec4f>;
fn weight(at: u32) -> vec4f { return b[at]; }`;

const WHOLE_STORE = `@group(0) @binding(2) var<storage, read_write> y: array<vec4f>;
fn store(row: u32, c4: u32, value: vec4f) {
  y[(params.y_offset + row * params.columns) / 4u + c4] = value;
}`;

/** Whether a view's last dimension can be read as `vec4`s: it lies side by side, everything else on multiples of 4. */
function liesInVectors(view: View): boolean {
  // The last vec4 of a row lies in the storage, which is rounded up to whole ones.
  return (view.shape.at(-1) === 1 || view.strides.at(-1) === 1) && view.offset % 4 === 0 &&
    view.shape.slice(0, -1).every((extent, axis) =>
      extent === 1 || (view.strides[axis]! % 4 === 0 && view.strides[axis]! >= 0)
    );
}

/** The last two dimensions exchanged. */
function swapLast(view: View): View {
  const last = view.shape.length - 1;
  return permuteView(view, view.shape.map((_, axis) => axis < last - 1 ? axis : 2 * last - 1 - axis));
}

/** A view whose last dimension can be read as `vec4`s: a copy with room behind each row, if it cannot be. */
function wholeVectors(node: Lowering, view: View): View {
  if (liesInVectors(view)) return view;
  // What is repeated is copied once.
  const once = view.shape.map((extent, axis) => view.strides[axis] === 0 ? 1 : extent);
  const narrow = { ...view, shape: once };
  const width = once.at(-1)!;
  const room = node.temporary(
    { dtype: view.dtype, shape: once.with(-1, Math.ceil(width / 4) * 4) },
    "linear",
  );
  const copy = sliceView(room, once.length - 1, 0, width, 1);
  node.emit(copyDispatch(narrow, copy));
  return expandView(copy, view.shape);
}

/** `vec4`s over columns: `n4 * 4 * ceil(depth / 4) + k`, zeros where there is nothing. */
function packColumns(constant: HostTensor, b: View): Float32Array<ArrayBuffer> {
  const data = toFloat32(constant);
  const [depth, columns] = b.shape.slice(-2) as [number, number];
  const [stepK, stepN] = b.strides.slice(-2) as [number, number];
  const depth4 = Math.ceil(depth / 4) * 4;
  const packed = new Float32Array(Math.ceil(columns / 4) * depth4 * 4);
  for (let n = 0; n < columns; n++) {
    const to = (n >> 2) * depth4 * 4 + (n & 3);
    for (let k = 0; k < depth; k++) packed[to + k * 4] = data[b.offset + k * stepK + n * stepN]!;
  }
  return packed;
}

/** Any strides and element types, one number at a time; steps that were fused behind are a dispatch of their own. */
function emitStrided(node: Lowering, product: Product): void {
  const { a, b: given, bIndex, cIndex, alpha = 1, beta = 1 } = product;
  const [rows, depth] = a.shape.slice(-2) as [number, number];
  const columns = given.shape.at(-1)!;
  if (depth > MAX_ITERATIONS) {
    node.fail(`sums over ${depth} elements`, `up to ${MAX_ITERATIONS} are supported`);
  }
  const b = stored(node, given, bIndex);
  const { dtype, shape } = node.outputType(0);
  const steps = epilogueSteps(node.node);
  const whole = product.y ?? node.output(0, "linear");
  const y = steps.length > 0 ? node.temporary({ dtype, shape }, "linear") : whole;
  const batch = mergeAxes(
    a.shape.slice(0, -2).map((extent, axis) => ({ extent, strides: [a.strides[axis]!, b.strides[axis]!] })),
  );
  if (batch.length > MAX_STRIDED_RANK) {
    node.fail(`multiplies in ${batch.length} batch dimensions`, `up to ${MAX_STRIDED_RANK} are supported`);
  }
  const batches = axesCount(batch);
  const c = cIndex === undefined ? undefined : expandView(node.view(cIndex), [rows, columns]);
  if (gpuScalar(dtype) === "i32" && !(Number.isInteger(alpha) && Number.isInteger(beta))) {
    node.fail(`multiplies ${dtype} by ${alpha} and ${beta}`, "export the model in f32");
  }
  node.emit({
    kernel: stridedKernel,
    options: { inject: { ...typesOf(dtype), ...wrapping(dtype) } },
    bindings: { a, b, c: c ?? a, y },
    uniforms: {
      rows,
      columns,
      depth,
      batches,
      batch_rank: batch.length,
      alpha,
      beta: c ? beta : 0,
      a_offset: a.offset,
      a_stride_m: a.strides.at(-2)!,
      a_stride_k: a.strides.at(-1)!,
      b_offset: b.offset,
      b_stride_k: b.strides.at(-2)!,
      b_stride_n: b.strides.at(-1)!,
      c_offset: c?.offset ?? 0,
      c_stride_m: c?.strides[0] ?? 0,
      c_stride_n: c?.strides[1] ?? 0,
      y_offset: y.offset,
      batch_extents: extentRow(batch),
      batch_a_strides: strideRow(batch, 0),
      batch_b_strides: strideRow(batch, 1),
    },
    workgroups: foldWorkgroups(Math.ceil(batches * Math.ceil(rows / 4) * Math.ceil(columns / 4) / 64)),
    multiplyAdds: batches * rows * columns * depth,
    why: node.target.plain
      ? "the session asks for the plain kernels"
      : "integers, a factor beside the added matrix, or too small for vec4s (4 deep and wide, 1024 multiply-adds)",
  });
  if (steps.length > 0) node.emit(mapFlatDispatch(y, whole, planEpilogue(node, shape, "linear")));
}

function wrapping(dtype: DType): Record<string, string> {
  const wrapped = wrapTo(dtype, "value");
  return wrapped === "value" ? {} : { wrap: `fn wrap(value: vec) -> vec { return ${wrapped}; }` };
}

/** The product `[..., rows, depth]` x `[..., depth, columns]` of host tensors through views of them, row by row. */
export function productOnHost(
  a: { data: ArrayLike<number | bigint>; view: HostView },
  b: { data: ArrayLike<number | bigint>; view: HostView },
): number[] {
  const [rows, depth] = a.view.shape.slice(-2) as [number, number];
  const columns = b.view.shape.at(-1)!;
  const [aRow, aStep] = a.view.strides.slice(-2) as [number, number];
  const [bStep, bColumn] = b.view.strides.slice(-2) as [number, number];
  const lead = (view: HostView): HostView => ({
    shape: view.shape.slice(0, -2),
    strides: view.strides.slice(0, -2),
    offset: view.offset,
  });
  const starts = [...viewOffsets(lead(b.view))];
  const results: number[] = [];
  let batch = 0;
  for (const aStart of viewOffsets(lead(a.view))) {
    const bStart = starts[batch++]!;
    for (let m = 0; m < rows; m++) {
      for (let n = 0; n < columns; n++) {
        let sum = 0;
        for (let k = 0; k < depth; k++) {
          sum += Number(a.data[aStart + m * aRow + k * aStep]) *
            Number(b.data[bStart + k * bStep + n * bColumn]);
        }
        results.push(sum);
      }
    }
  }
  return results;
}

/** What of a view says where elements lie. */
type HostView = Pick<View, "shape" | "strides" | "offset">;
