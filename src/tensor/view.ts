/**
 * Where the elements of a tensor lie. A tensor's *meaning* is its shape in ONNX's order (NCHW for images); its
 * *storage* is given by strides, so a transposition, a slice, a split or a part of a concatenation is another view of
 * the same memory and costs nothing.
 *
 * Two storages are dense: `linear` (row-major in ONNX's order), and `image` (channels last, padded to a multiple of 4,
 * the padding zero), which kernels read as `vec4`.
 *
 * @module
 */
import type { DType } from "./dtype.ts";
import { elementCount } from "./host_tensor.ts";

/** How a dense storage orders its elements. */
export type Layout = "linear" | "image";

/** A tensor laid over a storage. Strides and offset count elements, not bytes. */
export interface View {
  readonly storage: number;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  /** The lanes after the last channel, up to the next multiple of 4, belong to this tensor and are zero. */
  readonly padded: boolean;
}

/** Channels with their padding. */
export function paddedChannels(channels: number): number {
  return Math.ceil(channels / 4) * 4;
}

/** Whether a shape can be stored as an image: batch, channels, and one to three spatial dimensions. */
export function canBeImage(shape: readonly number[]): boolean {
  return shape.length >= 3 && shape.length <= 5;
}

/** Strides of a dense storage. */
export function denseStrides(shape: readonly number[], layout: Layout): number[] {
  const strides = new Array<number>(shape.length).fill(0);
  if (layout === "linear") {
    let stride = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      strides[axis] = stride;
      stride *= shape[axis]!;
    }
    return strides;
  }
  let stride = paddedChannels(shape[1]!);
  strides[1] = 1;
  for (let axis = shape.length - 1; axis >= 2; axis--) {
    strides[axis] = stride;
    stride *= shape[axis]!;
  }
  strides[0] = stride;
  return strides;
}

/** Elements that a dense storage takes, channel padding included. */
export function storageElements(shape: readonly number[], layout: Layout): number {
  if (layout === "linear") return elementCount(shape);
  return elementCount(shape.map((extent, axis) => axis === 1 ? paddedChannels(extent) : extent));
}

/** A view of a whole dense storage. */
export function denseView(storage: number, dtype: DType, shape: readonly number[], layout: Layout): View {
  return {
    storage,
    dtype,
    shape,
    strides: denseStrides(shape, layout),
    offset: 0,
    padded: layout === "image",
  };
}

/** Whether the elements lie one after the other in ONNX's order. */
export function isLinear(view: View): boolean {
  return sameStrides(view, denseStrides(view.shape, "linear"));
}

/** Whether the view is a dense image. */
export function isDenseImage(view: View): boolean {
  return canBeImage(view.shape) && view.padded && sameStrides(view, denseStrides(view.shape, "image"));
}

/** Strides of dimensions of extent 1 mean nothing. */
function sameStrides(view: View, strides: readonly number[]): boolean {
  return view.shape.every((extent, axis) => extent === 1 || view.strides[axis] === strides[axis]);
}

/** An image as kernels address it; offset and strides count `vec4`s. */
export interface ImageAddress {
  n: number;
  c: number;
  h: number;
  w: number;
  /** Groups of 4 channels. */
  c4: number;
  offset: number;
  strideN: number;
  strideH: number;
  strideW: number;
}

/**
 * How to read or write a view of rank 3 or 4 as `vec4`s over channels, or `undefined` if it cannot be: channels must
 * lie side by side, everything else on multiples of 4, and the last group must hold no other tensor's channels.
 */
export function imageAddress(view: View): ImageAddress | undefined {
  if (view.shape.length !== 4 && view.shape.length !== 3) return undefined;
  const [n, c] = view.shape as [number, number];
  const [h, w] = view.shape.length === 4 ? [view.shape[2]!, view.shape[3]!] : [1, view.shape[2]!];
  const [strideN, strideC] = view.strides as [number, number];
  const [strideH, strideW] = view.shape.length === 4
    ? [view.strides[2]!, view.strides[3]!]
    : [0, view.strides[2]!];
  if (c > 1 && strideC !== 1) return undefined;
  if (c % 4 !== 0 && !view.padded) return undefined;
  const steps = [[n, strideN], [h, strideH], [w, strideW], [2, view.offset]] as const;
  if (steps.some(([extent, stride]) => extent > 1 && (stride % 4 !== 0 || stride < 0))) return undefined;
  const vec4 = (extent: number, stride: number): number => extent > 1 ? stride / 4 : 0;
  return {
    n,
    c,
    h,
    w,
    c4: Math.ceil(c / 4),
    offset: view.offset / 4,
    strideN: vec4(n, strideN),
    strideH: vec4(h, strideH),
    strideW: vec4(w, strideW),
  };
}

/** Planes of pixels, one for each channel, as kernels address them; offset and strides count `vec4`s of four pixels in a row. */
export interface PlanesAddress {
  offset: number;
  strideN: number;
  strideC: number;
}

/**
 * How to write a view of rank 3 or 4 as planes in `vec4`s, or `undefined` if it cannot be: the pixels of a plane must lie in
 * one row, and planes on multiples of four.
 */
export function planesAddress(view: View): PlanesAddress | undefined {
  if (!hasPixelRows(view)) return undefined;
  const [n, c, ...spatial] = view.shape as [number, number, ...number[]];
  const [strideN, strideC] = view.strides as [number, number];
  const vec4 = (extent: number, stride: number): number => extent > 1 ? stride / 4 : 0;
  const address = { offset: view.offset / 4, strideN: vec4(n, strideN), strideC: vec4(c, strideC) };
  return [elementCount(spatial) / 4, ...Object.values(address)].every(Number.isInteger) ? address : undefined;
}

/** Whether each channel of a view of rank 3 or 4 is a plane whose pixels lie one after the other. */
export function hasPixelRows({ shape, strides, padded }: View): boolean {
  const [strideN, strideC, ...spatial] = strides as [number, number, ...number[]];
  const w = shape.at(-1)!;
  return (shape.length === 3 || shape.length === 4) && !padded && strideN >= 0 && strideC >= 0 &&
    spatial.at(-1) === 1 && (spatial.length === 1 || shape[2] === 1 || spatial[0] === w);
}

/** The dimensions in another order: `perm[i]` is the old axis of new axis `i`. */
export function permuteView(view: View, perm: readonly number[]): View {
  const shape = perm.map((axis) => view.shape[axis]!);
  const strides = perm.map((axis) => view.strides[axis]!);
  return { ...view, shape, strides, padded: view.padded && perm[1] === 1 };
}

/** Every `step`-th element from `start`, `count` of them, along one axis. A negative step walks backwards. */
export function sliceView(view: View, axis: number, start: number, count: number, step: number): View {
  const stride = view.strides[axis]!;
  const extent = view.shape[axis]!;
  const keepsPadding = view.padded &&
    (axis !== 1 || (step === 1 && start % 4 === 0 && start + count === extent));
  return {
    ...view,
    shape: view.shape.with(axis, count),
    strides: view.strides.with(axis, stride * step),
    offset: count === 0 ? view.offset : view.offset + start * stride,
    padded: keepsPadding,
  };
}

/** The view with dimensions of extent 1 repeated (stride 0), as ONNX broadcasts. The shapes must be compatible. */
export function expandView(view: View, shape: readonly number[]): View {
  const missing = shape.length - view.shape.length;
  const strides = shape.map((extent, axis) => {
    if (axis < missing) return 0;
    return view.shape[axis - missing] === 1 && extent !== 1 ? 0 : view.strides[axis - missing]!;
  });
  const sameChannels = missing === 0 && view.shape[1] === shape[1];
  return { ...view, shape, strides, padded: view.padded && sameChannels };
}

/**
 * One view of several that follow one another along `axis` at even steps, as the slices of one tensor do; `undefined` if
 * they do not. The shapes must be equal.
 */
export function joinViews(views: readonly View[], axis: number): View | undefined {
  const [first, second] = views;
  if (!first || !second) return first;
  const extent = first.shape[axis]!;
  const step = second.offset - first.offset;
  const even = views.every((view, i) =>
    view.storage === first.storage && view.shape[axis] === extent &&
    view.offset === first.offset + i * step &&
    sameStrides(view, first.strides)
  );
  if (!even || extent === 0 || (extent > 1 && first.strides[axis]! * extent !== step)) return undefined;
  return {
    ...first,
    shape: first.shape.with(axis, extent * views.length),
    strides: first.strides.with(axis, step / extent),
    padded: axis !== 1 && views.every((view) => view.padded),
  };
}

/**
 * The same elements in the same order under another shape, if strides can say it; `undefined` if the elements must be
 * moved. Extents must have the same product.
 */
export function reshapeView(view: View, shape: readonly number[]): View | undefined {
  // Groups of old and new axes with equal products are matched one by one; within a group the old axes must be
  // mergeable (each stride = the next one's stride times its extent).
  const oldAxes = view.shape.map((extent, axis) => ({ extent, stride: view.strides[axis]! })).filter((a) =>
    a.extent !== 1
  );
  if (elementCount(view.shape) === 0) {
    return { ...view, shape, strides: denseStrides(shape, "linear"), padded: false };
  }
  const strides = new Array<number>(shape.length).fill(0);
  let oldIndex = 0;
  let newIndex = 0;
  while (oldIndex < oldAxes.length) {
    let oldProduct = oldAxes[oldIndex]!.extent;
    let oldEnd = oldIndex + 1;
    while (shape[newIndex] === 1) newIndex++;
    let newProduct = shape[newIndex]!;
    let newEnd = newIndex + 1;
    while (oldProduct !== newProduct) {
      if (oldProduct < newProduct) oldProduct *= oldAxes[oldEnd++]!.extent;
      else newProduct *= shape[newEnd++]!;
    }
    for (let i = oldIndex; i < oldEnd - 1; i++) {
      if (oldAxes[i]!.stride !== oldAxes[i + 1]!.stride * oldAxes[i + 1]!.extent) return undefined;
    }
    let stride = oldAxes[oldEnd - 1]!.stride;
    for (let axis = newEnd - 1; axis >= newIndex; axis--) {
      strides[axis] = stride;
      stride *= shape[axis]!;
    }
    oldIndex = oldEnd;
    newIndex = newEnd;
  }
  const keepsChannels = view.shape.length >= 3 && shape.length >= 3 && view.shape[1] === shape[1] &&
    strides[1] === (shape[1] === 1 ? 0 : view.strides[1]);
  return { ...view, shape, strides, padded: view.padded && keepsChannels };
}

/** The elements of `data`, seen through a view, in ONNX's order. */
export function* viewOffsets(view: Pick<View, "shape" | "strides" | "offset">): Generator<number> {
  const count = elementCount(view.shape);
  const index = new Array<number>(view.shape.length).fill(0);
  let offset = view.offset;
  for (let i = 0; i < count; i++) {
    yield offset;
    for (let axis = index.length - 1; axis >= 0; axis--) {
      offset += view.strides[axis]!;
      if (++index[axis]! < view.shape[axis]!) break;
      offset -= view.strides[axis]! * view.shape[axis]!;
      index[axis] = 0;
    }
  }
}

/**
 * Whether two views of one storage may have an element in common. Parts of a concatenation have equal strides and
 * lie apart along one axis; anything else counts as shared.
 */
export function mayShare(a: View, b: View): boolean {
  const [low, high] = a.offset <= b.offset ? [a, b] : [b, a];
  const gap = high.offset - low.offset;
  // Along the axis of concatenation: high begins after low ends, within one step of the next larger stride.
  return !low.strides.some((stride, axis) => {
    if (stride <= 0 || high.strides[axis] !== stride) return false;
    const outer = Math.min(
      ...low.strides.filter((other, i) => other > stride && low.shape[i]! > 1),
      ...high.strides.filter((other, i) => other > stride && high.shape[i]! > 1),
    );
    const span = (view: View): number =>
      view.shape.reduce(
        (sum, extent, i) => view.strides[i]! <= stride ? sum + (extent - 1) * view.strides[i]! : sum,
        1,
      );
    return gap >= span(low) && gap + span(high) <= outer;
  });
}
