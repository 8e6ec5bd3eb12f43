/**
 * Images of one to three spatial dimensions as kernels address them: `vec4`s over channels at steps along batch, depth,
 * height and width.
 *
 * @module
 */
import { type ImageAddress, imageAddress, reshapeView, type View } from "../tensor/view.ts";
import { type Addressed, addressed, addressUniforms, type Lowering } from "./operator.ts";

/** An image's address with a depth: 1 for images of one or two dimensions. Strides count `vec4`s. */
export interface VolumeAddress extends ImageAddress {
  d: number;
  strideD: number;
}

/** A view that can be addressed as a volume. */
export interface Volume {
  view: View;
  address: VolumeAddress;
}

/** The address of a view of rank 3 to 5, or `undefined` where channels do not lie as `imageAddress` wants them. */
export function volumeAddress(view: View): VolumeAddress | undefined {
  if (view.shape.length !== 5) {
    const address = imageAddress(view);
    return address && { ...address, d: 1, strideD: 0 };
  }
  const [d, stride] = [view.shape[2]!, view.strides[2]!];
  if (d > 1 && (stride % 4 !== 0 || stride < 0)) return undefined;
  const plane = { ...view, shape: view.shape.toSpliced(2, 1), strides: view.strides.toSpliced(2, 1) };
  const address = imageAddress(plane);
  return address && { ...address, d, strideD: d > 1 ? stride / 4 : 0 };
}

/** Input `index` as a volume, copied if it lies otherwise. */
export function volumeInput(node: Lowering, index: number): Volume {
  return volume(node.materialise(node.view(index), "image"));
}

/** Storage for output `index`, written as a volume. */
export function volumeOutput(node: Lowering, index: number): Volume {
  return volume(node.output(index, "image"));
}

function volume(view: View): Volume {
  const address = volumeAddress(view);
  if (!address) throw new Error(`view of shape [${view.shape}] is no volume`);
  return { view, address };
}

/** An image of height and width as a volume. */
export function flatVolume({ view, address }: Addressed): Volume {
  return { view, address: { ...address, d: 1, strideD: 0 } };
}

/** The uniform fields by which kernels address a volume: as for an image, and `x_stride_d`. */
export function volumeUniforms(prefix: string, address: VolumeAddress): Record<string, number> {
  return { ...addressUniforms(prefix, address), [`${prefix}_stride_d`]: address.strideD };
}

/**
 * A view of rank 5 and more as one of rank 4, all spatial dimensions but the last merged into its height, where they lie
 * evenly; others as they are.
 */
export function mergeRows(view: View): View {
  const { shape } = view;
  if (shape.length <= 4) return view;
  const rows = shape.slice(2, -1).reduce((product, extent) => product * extent, 1);
  return reshapeView(view, [shape[0]!, shape[1]!, rows, shape.at(-1)!]) ?? view;
}

/** A view of any rank from 2 as an image `[batch, channels, 1, rest]`, copied if it lies otherwise. */
export function pixelsInput(node: Lowering, index: number): Addressed {
  const view = node.view(index);
  if (view.shape.length === 3 || view.shape.length === 4) return node.image(index);
  const whole = view.shape.length === 5 ? node.materialise(view, "image") : view;
  const flat = reshapeView(whole, pixelShape(view.shape)) ??
    reshapeView(node.materialise(whole, "linear"), pixelShape(view.shape))!;
  return addressed(node.materialise(flat, "image"));
}

/**
 * Storage for output `index`, of any rank from 2, written as an image `[batch, channels, 1, rest]`. Call `done` when
 * it has been written.
 */
export function pixelsOutput(node: Lowering, index: number): Addressed & { done(): void } {
  const { dtype, shape } = node.outputType(index);
  if (shape.length === 3 || shape.length === 4) return { ...node.imageOutput(index), done: () => {} };
  const view = node.temporary({ dtype, shape: pixelShape(shape) }, "image");
  const seen = reshapeView(view, shape);
  return {
    ...addressed(view),
    done: () =>
      node.alias(
        index,
        seen ?? reshapeView(node.copy(view, "linear"), shape)!,
      ),
  };
}

function pixelShape([n, c, ...rest]: readonly number[]): number[] {
  return [n!, c!, 1, rest.reduce((product, extent) => product * extent, 1)];
}
