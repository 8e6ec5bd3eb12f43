/**
 * Element-wise kernels between words of different types: as images where the operand is one, else as one flat row.
 *
 * @module
 */
import { foldWorkgroups, type Workgroups } from "../gpu/mod.ts";
import { elementCount } from "../tensor/host_tensor.ts";
import { canBeImage, type ImageAddress, imageAddress, isLinear, type View } from "../tensor/view.ts";
import { addressUniforms, type Lowering } from "./operator.ts";

/** Where a kernel reads and writes, one `vec4` an invocation. */
export interface MapPlaces {
  image: boolean;
  /** The operands, as the kernel can read them. */
  inputs: View[];
  y: View;
  /** `count`, `c`, `c4`, `h`, `w`, and the addresses of the operands by name and of `y`. */
  uniforms: Record<string, number>;
  workgroups: Workgroups;
}

/**
 * Places for a kernel from operands of output 0's shape to output 0.
 *
 * @param operands by the names that the kernel's uniforms have for them.
 * @param asImage whether the kernel may be given images: channels must be told by their number alone.
 */
export function mapPlaces(
  node: Lowering,
  operands: Readonly<Record<string, View>>,
  asImage: boolean,
): MapPlaces {
  const views = Object.values(operands);
  const { shape } = node.outputType(0);
  const image = asImage && canBeImage(shape) && views.some((view) => !isLinear(view)) &&
    (shape.length === 4 || (shape.length === 3 && views.every((view) => imageAddress(view) !== undefined)));
  const inputs = views.map((view) => node.materialise(view, image ? "image" : "linear"));
  const y = image ? node.imageOutput(0).view : node.flatOutput(0);
  const address = (view: View): ImageAddress => image ? imageAddress(view)! : flatAddress(view);
  const { n, h, w, c, c4 } = address(y);
  const count = n * h * w * c4;
  const uniforms: Record<string, number> = { count, c, c4: Math.max(c4, 1), h, w };
  Object.keys(operands).forEach((name, i) =>
    Object.assign(uniforms, addressUniforms(name, address(inputs[i]!)))
  );
  Object.assign(uniforms, addressUniforms("y", address(y)));
  return { image, inputs, y, uniforms, workgroups: foldWorkgroups(Math.ceil(count / 64)) };
}

/** A linear tensor as one pixel of as many channels as there are elements. */
function flatAddress(view: View): ImageAddress {
  const c = elementCount(view.shape);
  return {
    n: 1,
    c,
    h: 1,
    w: 1,
    c4: Math.ceil(c / 4),
    offset: view.offset / 4,
    strideN: 0,
    strideH: 0,
    strideW: 0,
  };
}
