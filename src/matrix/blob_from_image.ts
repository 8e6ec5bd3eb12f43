import {
  GpuError,
  type KernelSource,
  type Matrix,
  type MatrixData,
  matrixKernel,
  matrixType,
  type MatrixView,
  type Stream,
} from "../gpu/mod.ts";
import { type Fit, fitFrame, type FitMode, type Size } from "../vision/fit.ts";
import { depthNumber, refuseReleased } from "./operand.ts";
import { resizePart } from "./resize.ts";
import blobWgsl from "../../shaders/matrix/blob.wgsl" with { type: "text" };

const BLOB: KernelSource = matrixKernel("matrix/blob", blobWgsl);

/** Four numbers, one a channel; those that are not given are 0, and a number alone counts for all. After `cv::Scalar`. */
export type Scalar = number | readonly number[];

/** How images become a blob, after `cv::dnn::Image2BlobParams`. */
export interface Image2BlobParams {
  /** What elements are multiplied with, after the mean was taken off; for each channel of the blob. 1 if not given. */
  readonly scalefactor?: Scalar;
  /** Size of the blob's images; that of the first image if not given. */
  readonly size?: Size;
  /** What is taken off, for each channel of the blob (after the swap). 0 if not given. */
  readonly mean?: Scalar;
  /** Whether red and blue change places. */
  readonly swapRB?: boolean;
  /** Depth of the blob; an 8U one takes neither scale nor mean. */
  readonly ddepth?: "32F" | "8U";
  /** Channels as planes, or side by side. */
  readonly datalayout?: "NCHW" | "NHWC";
  /** How an image of another shape is fitted: stretched, its middle cropped, or with a border in its own aspect ratio. */
  readonly paddingmode?: "null" | "cropCenter" | "letterbox";
  /** The letterbox's border, in the image's channels. */
  readonly borderValue?: Scalar;
}

/** A rectangle of whole pixels, after `cv::Rect`. */
export interface Rect {
  /** Column of its left edge. */
  readonly x: number;
  /** Row of its top edge. */
  readonly y: number;
  /** Its width. */
  readonly width: number;
  /** Its height. */
  readonly height: number;
}

/** The fit that a padding mode is. */
const FITS: Readonly<Record<NonNullable<Image2BlobParams["paddingmode"]>, FitMode>> = {
  null: "stretch",
  cropCenter: "center-crop",
  letterbox: "letterbox-center",
};

/** A network's input on the GPU: one dense row of elements, and the shape that they have. */
export class Blob4D implements Disposable {
  /** The elements, in the shape's order without padding. */
  readonly matrix: Matrix;
  /** Images, channels, rows, columns; or images, rows, columns, channels. */
  readonly shape: readonly [number, number, number, number];
  /** The order of the shape. */
  readonly layout: "NCHW" | "NHWC";

  /** Made by {@linkcode blobFromImages}. */
  constructor(matrix: Matrix, shape: readonly [number, number, number, number], layout: "NCHW" | "NHWC") {
    this.matrix = matrix;
    this.shape = shape;
    this.layout = layout;
  }

  /** Submits the stream and reads all elements. @throws {GpuError} as {@linkcode Matrix.download} does. */
  download(): Promise<MatrixData> {
    return this.matrix.download();
  }

  /** Gives the memory back. @throws {GpuError} as {@linkcode Matrix.release} does. */
  release(): void {
    this.matrix.release();
  }

  /** {@linkcode release}, for `using`. */
  [Symbol.dispose](): void {
    this.release();
  }
}

/**
 * One image as a network's input, after `cv::dnn::blobFromImage`, with its parameters in its order.
 *
 * @param scalefactor what elements are multiplied with, after the mean was taken off.
 * @param size size of the blob; the image's if not given.
 * @param mean for each channel of the blob, after the swap.
 * @param crop whether the middle is cropped; else the image is stretched.
 * @throws {GpuError} as {@linkcode blobFromImages} does.
 *
 * @example
 * ```ts
 * import { blobFromImage, Device } from "@framewise/framewise";
 *
 * using device = await Device.request();
 * using stream = device.stream();
 * using image = stream.pool.getBuffer(2, 2, "8UC3");
 * image.setTo([10, 20, 30]);
 * using blob = blobFromImage(image, 0.5, { width: 1, height: 1 }, [0, 0, 4], true);
 * console.assert(String(await blob.download()) === "15,10,3");
 * ```
 */
export function blobFromImage(
  image: Matrix,
  scalefactor: Scalar = 1,
  size?: Size,
  mean: Scalar = 0,
  swapRB = false,
  crop = false,
  ddepth: "32F" | "8U" = "32F",
): Blob4D {
  return blobFromImages([image], scalefactor, size, mean, swapRB, crop, ddepth);
}

/** Several images as one blob, after `cv::dnn::blobFromImages`. @throws {GpuError} as {@linkcode blobFromImagesWithParams} does. */
export function blobFromImages(
  images: readonly Matrix[],
  scalefactor: Scalar = 1,
  size?: Size,
  mean: Scalar = 0,
  swapRB = false,
  crop = false,
  ddepth: "32F" | "8U" = "32F",
): Blob4D {
  const paddingmode = crop ? "cropCenter" : "null";
  return blobFromImagesWithParams(images, {
    scalefactor,
    ...(size && { size }),
    mean,
    swapRB,
    ddepth,
    paddingmode,
  });
}

/** One image as a blob, after `cv::dnn::blobFromImageWithParams`. @throws {GpuError} as {@linkcode blobFromImagesWithParams} does. */
export function blobFromImageWithParams(image: Matrix, params: Image2BlobParams = {}): Blob4D {
  return blobFromImagesWithParams([image], params);
}

/**
 * Images as one blob on the stream of the first, after `cv::dnn::blobFromImagesWithParams`: resized (bilinear) and fitted,
 * red and blue swapped, the mean taken off, scaled, and laid out.
 *
 * @throws {GpuError} if there is no image, one has other channels or depth than the first, the parameters are no numbers or
 * do not fit the depth, or a matrix was released.
 */
export function blobFromImagesWithParams(images: readonly Matrix[], params: Image2BlobParams = {}): Blob4D {
  const first = images[0];
  if (!first) throw new GpuError("Cannot make a blob of no images; give at least one");
  refuseReleased("make a blob of", ...images);
  const { size = { width: first.cols, height: first.rows }, swapRB = false, ddepth = "32F" } = params;
  const { datalayout = "NCHW", paddingmode = "null" } = params;
  const factor = scalar("scalefactor", params.scalefactor ?? 1);
  const mean = scalar("mean", params.mean ?? 0);
  for (const image of images) {
    if (image.type !== first.type) {
      throw new GpuError(
        `Cannot make a blob of ${first.describe()} and ${image.describe()}: the types differ`,
      );
    }
  }
  const used = first.channels;
  if (
    ddepth === "8U" &&
    (first.depth !== "8U" || factor.slice(0, used).some((f) => f !== 1) || mean.some((m) => m))
  ) {
    throw new GpuError(
      `Cannot make an 8U blob of ${first.describe()} with scalefactor [${factor.join(", ")}] and mean [${
        mean.join(", ")
      }]: it takes 8U images, a scalefactor of 1 and a mean of 0`,
    );
  }
  if (!["8U", "32F"].includes(ddepth) || !["NCHW", "NHWC"].includes(datalayout) || !FITS[paddingmode]) {
    throw new GpuError(
      `Cannot make a blob of depth "${ddepth}", layout "${datalayout}" and padding mode "${paddingmode}": take 32F or ` +
        `8U; NCHW or NHWC; ${Object.keys(FITS).join(", ")}`,
    );
  }
  const { stream } = first;
  const { width, height } = size;
  const elements = used * width * height;
  const fits = images.map((image) =>
    fitFrame({ width: image.cols, height: image.rows }, size, FITS[paddingmode])
  );
  const blob = stream.pool.getRow(images.length * elements, matrixType(ddepth, 1), `blob of ${first.label}`);
  try {
    for (const [n, image] of images.entries()) {
      // Of a row of several, each image but the first may begin within a word.
      const y: MatrixView = {
        ...viewOf(blob),
        offset: n * elements * blob.elementBytes,
        cols: elements,
        whole: images.length === 1,
      };
      fitted(stream, image, fits[n]!, params.borderValue ?? 0, (x) =>
        stream.pool.run(BLOB, {
          y,
          x,
          overrides: {
            X_DEPTH: depthNumber(image),
            Y_DEPTH: depthNumber(blob),
            PLANES: datalayout === "NCHW",
            SWAP: swapRB,
          },
          uniforms: { mean, factor },
        }));
    }
  } catch (error) {
    blob.release();
    throw error;
  }
  const shape = datalayout === "NCHW"
    ? [images.length, used, height, width] as const
    : [images.length, height, width, used] as const;
  return new Blob4D(blob, shape, datalayout);
}

/**
 * A rectangle of the blob in the pixels of its image, which may reach beyond it, after
 * `Image2BlobParams::blobRectToImageRect`: whole numbers, cut towards 0.
 *
 * @param imageSize of the image that the blob was made of.
 * @throws {RangeError} if a size is no size.
 */
export function blobRectToImageRect(params: Image2BlobParams, rect: Rect, imageSize: Size): Rect {
  const fit = fitFrame(imageSize, params.size ?? imageSize, FITS[params.paddingmode ?? "null"]);
  let { scaleX, scaleY, originX, originY } = fit;
  if (params.paddingmode === "letterbox") {
    // OpenCV takes one scale back, though the side that was cut to whole pixels has another.
    scaleX = scaleY = Math.min(scaleX, scaleY);
    [originX, originY] = [-fit.content.x * scaleX, -fit.content.y * scaleY];
  }
  const cut = (value: number): number => Math.trunc(value) + 0;
  return {
    x: cut(rect.x * scaleX + originX),
    y: cut(rect.y * scaleY + originY),
    width: cut(rect.width * scaleX),
    height: cut(rect.height * scaleY),
  };
}

/** {@linkcode blobRectToImageRect} of each. @throws {RangeError} if a size is no size. */
export function blobRectsToImageRects(
  params: Image2BlobParams,
  rects: readonly Rect[],
  imageSize: Size,
): Rect[] {
  return rects.map((rect) => blobRectToImageRect(params, rect, imageSize));
}

/** Gives `use` the image in the blob's size: itself, or resized on the stream's stack. */
function fitted(stream: Stream, image: Matrix, fit: Fit, border: Scalar, use: (image: Matrix) => void): void {
  const { network, source, content } = fit;
  if (network.width === image.cols && network.height === image.rows) return use(image);
  using whole = stream.pool.getBuffer(network.height, network.width, image.type, `${image.label}: fitted`);
  // A crop has one scale for both directions; the others fill the content.
  const x: readonly [number, number] = fit.scaleX === source.width / content.width
    ? [source.width, content.width]
    : [source.height, network.height];
  const y: readonly [number, number] = fit.scaleY === source.height / content.height
    ? [source.height, content.height]
    : [source.width, network.width];
  if (
    fit.originX < 0 || fit.originY < 0 || content.width < network.width || content.height < network.height
  ) {
    whole.setTo(border);
    resizePart(image, whole.roi(content.x, content.y, content.width, content.height), "linear", { x, y });
  } else {
    const start = [Math.round(fit.originX / fit.scaleX), Math.round(fit.originY / fit.scaleY)] as const;
    resizePart(image, whole, "linear", { x, y, start });
  }
  use(whole);
}

function scalar(name: string, value: Scalar): number[] {
  const values = typeof value === "number" ? [value, value, value, value] : [...value];
  while (values.length < 4) values.push(0);
  if (values.length > 4 || values.some((number) => !Number.isFinite(number))) {
    throw new GpuError(
      `Cannot make a blob: ${name} is [${values.join(", ")}]; give one to four finite numbers`,
    );
  }
  return values;
}

function viewOf(matrix: Matrix): MatrixView {
  const { allocation, offset, step, rows, cols, channels, elementBytes, whole } = matrix;
  return { allocation, offset, step, rows, cols, channels, elementBytes, whole };
}
