import { GpuError, type KernelSource, type Matrix, matrixKernel, matrixType } from "../gpu/mod.ts";
import { depthNumber, refuseDepth, refuseReleased, refuseTarget } from "./operand.ts";
import colorWgsl from "../../shaders/matrix/color.wgsl" with { type: "text" };
import fromHsvWgsl from "../../shaders/matrix/from_hsv.wgsl" with { type: "text" };
import fromYuvWgsl from "../../shaders/matrix/from_yuv420.wgsl" with { type: "text" };
import toHsvWgsl from "../../shaders/matrix/to_hsv.wgsl" with { type: "text" };
import toYuvWgsl from "../../shaders/matrix/to_yuv420.wgsl" with { type: "text" };

const COLOR: KernelSource = matrixKernel("matrix/color", colorWgsl);
const FROM_HSV: KernelSource = matrixKernel("matrix/from_hsv", fromHsvWgsl);
const FROM_YUV420: KernelSource = matrixKernel("matrix/from_yuv420", fromYuvWgsl);
const TO_HSV: KernelSource = matrixKernel("matrix/to_hsv", toHsvWgsl);
const TO_YUV420: KernelSource = matrixKernel("matrix/to_yuv420", toYuvWgsl);

/**
 * What {@linkcode cvtColor} converts, named as OpenCV's `COLOR_` constants. `_FULL`: an 8-bit hue from 0 to 255, not to 180.
 * `BGR2YUV_NV12` and the like, which OpenCV does not have, are the way back of `YUV2BGR_NV12`.
 */
export type ColorCode =
  | `${"BGR" | "RGB" | "BGRA" | "RGBA"}2${"BGR" | "RGB" | "BGRA" | "RGBA" | "GRAY"}`
  | `GRAY2${"BGR" | "RGB" | "BGRA" | "RGBA"}`
  | `${"BGR" | "RGB"}2HSV${"" | "_FULL"}`
  | `HSV2${"BGR" | "RGB"}${"" | "_FULL"}`
  | `YUV2${"BGR" | "RGB" | "BGRA" | "RGBA" | "GRAY"}_${"I420" | "NV12"}`
  | `${"BGR" | "RGB" | "BGRA" | "RGBA"}2YUV_${"I420" | "NV12"}`;

const CHANNELS: Readonly<Record<string, number>> = {
  GRAY: 1,
  BGR: 3,
  RGB: 3,
  BGRA: 4,
  RGBA: 4,
  HSV: 3,
  YUV: 1,
};

/**
 * Converts colours, after `cv::cvtColor`: gray, BGR and RGB with and without alpha (8U, 16U, 32F), HSV (8U: hue 0 to 180,
 * saturation and value 0 to 255; 32F: hue 0 to 360, the others 0 to 1), and I420 and NV12 (8U; `8UC1` with half as many
 * rows again, ITU-R BT.601 of limited range).
 *
 * @param dst of the source's depth; its size and channels are those of the code.
 * @throws {GpuError} if the code is unknown, a type or size does not fit, the two overlap, or one was released.
 *
 * @example
 * ```ts
 * import { cvtColor, Device } from "@framewise/framewise";
 *
 * using device = await Device.request();
 * using stream = device.stream();
 * using bgr = stream.pool.getBuffer(1, 2, "8UC3");
 * using gray = stream.pool.getBuffer(1, 2, "8UC1");
 * bgr.upload(new Uint8Array([255, 255, 255, 0, 0, 255]));
 * cvtColor(bgr, gray, "BGR2GRAY");
 * console.assert(String(await gray.download()) === "255,76");
 * ```
 */
export function cvtColor(src: Matrix, dst: Matrix, code: ColorCode): void {
  refuseReleased("convert the colours of", src, dst);
  const [, from, to, layout] =
    /^(GRAY|BGRA?|RGBA?|HSV|YUV)2(GRAY|BGRA?|RGBA?|HSV|YUV)(?:_(FULL|I420|NV12))?$/.exec(
      code,
    ) ?? [];
  if (from === undefined || to === undefined || !known(from, to, layout)) {
    throw new GpuError(`Cannot convert colours by "${code}": there is no such code`);
  }
  const what = `convert by ${code}`;
  if (src.channels !== CHANNELS[from]) {
    throw new GpuError(`Cannot ${what}: ${src.describe()} must have ${CHANNELS[from]} channels`);
  }
  const yuv = from === "YUV" || to === "YUV";
  refuseDepth(
    what,
    src,
    yuv ? ["8U"] : from === "HSV" || to === "HSV" ? ["8U", "32F"] : ["8U", "16U", "32F"],
  );
  if (yuv) refuseOdd(what, src, from === "YUV");
  const rows = from === "YUV" ? src.rows / 3 * 2 : to === "YUV" ? src.rows / 2 * 3 : src.rows;
  refuseTarget(what, src, dst, { rows, cols: src.cols, type: matrixType(src.depth, CHANNELS[to]!) });
  const { pool } = dst.stream;
  const depth = depthNumber(src);
  const red = (order: string): boolean => order.startsWith("RGB");
  if (from === "YUV") {
    if (to === "GRAY") src.roi(0, 0, src.cols, rows).copyTo(dst);
    else {
      const overrides = { NV12: layout === "NV12", SWAP: red(to) };
      pool.run(FROM_YUV420, { y: dst, x: src, overrides });
    }
  } else if (to === "YUV") {
    const overrides = { NV12: layout === "NV12", SWAP: red(from) };
    pool.run(TO_YUV420, { y: dst, x: src, overrides });
  } else if (to === "HSV") {
    const uniforms = { hue: layout === "FULL" ? 256 : 180 };
    pool.run(TO_HSV, { y: dst, x: src, overrides: { X_DEPTH: depth, SWAP: red(from) }, uniforms });
  } else if (from === "HSV") {
    const circle = src.depth === "32F" ? 360 : layout === "FULL" ? 255 : 180;
    const uniforms = { hue: 6 / circle, unit: src.depth === "32F" ? 1 : 1 / 255 };
    pool.run(FROM_HSV, { y: dst, x: src, overrides: { X_DEPTH: depth, SWAP: red(to) }, uniforms });
  } else {
    const overrides = {
      X_DEPTH: depth,
      SWAP: to === "GRAY" ? red(from) : from !== "GRAY" && red(from) !== red(to),
      FROM_GRAY: from === "GRAY",
      TO_GRAY: to === "GRAY",
    };
    // The bits of 1.0 where the elements are floats.
    const alpha = src.depth === "8U" ? 255 : src.depth === "16U" ? 65535 : 0x3f800000;
    pool.run(COLOR, { y: dst, x: src, overrides, uniforms: { alpha } });
  }
}

function known(from: string, to: string, layout: string | undefined): boolean {
  if (from === to) return false;
  if (from === "YUV" || to === "YUV") {
    return (layout === "I420" || layout === "NV12") && from !== "HSV" && to !== "HSV" && from !== "GRAY";
  }
  if (from === "HSV" || to === "HSV") {
    return layout !== "I420" && layout !== "NV12" && /^(BGR|RGB)$/.test(from === "HSV" ? to : from);
  }
  return layout === undefined;
}

/** Chroma of half size takes even sides; the layout with it, rows in threes. */
function refuseOdd(what: string, src: Matrix, planes: boolean): void {
  const { rows, cols } = src;
  if (cols % 2 !== 0 || rows % (planes ? 3 : 2) !== 0) {
    throw new GpuError(
      `Cannot ${what}: ${src.describe()} must have an even number of columns and a multiple of ${
        planes ? "3 rows (luma, and half as many of chroma)" : "2 rows"
      }`,
    );
  }
}
