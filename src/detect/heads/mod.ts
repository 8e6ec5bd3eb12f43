/**
 * The heads, by family: recognising one from a network's outputs, and planning its decoding.
 *
 * @module
 */
import type { Size } from "../../vision/fit.ts";
import { type FastestDetHead, planFastestDet, recogniseFastestDet } from "./fastestdet.ts";
import {
  describeShapes,
  HeadError,
  type HeadFamily,
  type HeadOutputs,
  type HeadPlan,
  type OutputShapes,
} from "./head.ts";
import { planSsd, recogniseSsd, type SsdHead, type SsdOptions } from "./ssd.ts";
import { planUltraFace, recogniseUltraFace, type UltraFaceHead } from "./ultraface.ts";
import { planYolox, recogniseYolox, type YoloxHead } from "./yolox.ts";
import { planYunet, recogniseYunet, type YunetHead } from "./yunet.ts";

export * from "./head.ts";
export type { FastestDetHead } from "./fastestdet.ts";
export { priorBoxes, type PriorBoxMap, type PriorBoxOptions } from "./prior_boxes.ts";
export type { SsdHead, SsdOptions } from "./ssd.ts";
export type { UltraFaceHead } from "./ultraface.ts";
export type { YoloxHead } from "./yolox.ts";
export type { YunetHead, YunetMaps } from "./yunet.ts";

/** A head of any family: which outputs it takes, and what it needs to know of them. */
export type Head = YoloxHead | FastestDetHead | UltraFaceHead | YunetHead | SsdHead;

/** What {@linkcode recogniseHead} may be told. */
export interface RecogniseOptions {
  /** The only family to consider. */
  readonly family?: HeadFamily;
  /** An SSD network's priors; without them no network is taken for one. */
  readonly ssd?: SsdOptions;
}

/** A head, or why none fits. */
export type Recognised = { readonly head: Head } | { readonly head?: undefined; readonly reason: string };

/** All families, in the order in which they are tried. */
export const HEAD_FAMILIES: readonly HeadFamily[] = ["yolox", "fastestdet", "ultraface", "yunet", "ssd"];

/**
 * Finds the family of a network by the names and shapes of its outputs.
 *
 * @param shapes the outputs' shapes by name, with no open dimension.
 * @param input the size of the network's input.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * const { head } = recogniseHead({ output: [1, 3549, 85] }, { width: 416, height: 416 });
 * assertEquals(head, { family: "yolox", output: "output", classes: 80 });
 * ```
 */
export function recogniseHead(shapes: OutputShapes, input: Size, options: RecogniseOptions = {}): Recognised {
  const recognisers: Record<HeadFamily, () => Head | string> = {
    yolox: () => recogniseYolox(shapes, input),
    fastestdet: () => recogniseFastestDet(shapes, input),
    ultraface: () => recogniseUltraFace(shapes, input),
    yunet: () => recogniseYunet(shapes, input),
    ssd: () => recogniseSsd(shapes, input, options.ssd),
  };
  const families = options.family ? [options.family] : HEAD_FAMILIES;
  const reasons: string[] = [];
  for (const family of families) {
    const found = recognisers[family]?.() ?? `there is no such family; there are ${HEAD_FAMILIES.join(", ")}`;
    if (typeof found !== "string") return { head: found };
    reasons.push(`${family}: ${found}`);
  }
  return {
    reason:
      `no head fits the outputs ${describeShapes(shapes)} of an input of ${input.width}x${input.height}. ` +
      reasons.join(". "),
  };
}

/**
 * How a head's outputs are decoded.
 *
 * @throws {HeadError} if the outputs do not fit the head.
 */
export function planHead(head: Head, outputs: HeadOutputs, input: Size): HeadPlan {
  switch (head.family) {
    case "yolox":
      return planYolox(head, outputs, input);
    case "fastestdet":
      return planFastestDet(head, outputs, input);
    case "ultraface":
      return planUltraFace(head, outputs, input);
    case "yunet":
      return planYunet(head, outputs, input);
    case "ssd":
      return planSsd(head, outputs, input);
    default:
      throw new HeadError(
        `Cannot decode: there is no family "${(head as Head).family}"; there are ${HEAD_FAMILIES.join(", ")}`,
      );
  }
}
