/** What a detector of small pictures is asked for: fewer kinds of things than the town has classes. */
import { CLASSES, type ClassName } from "./things.ts";
import type { TrueBox } from "./truth.ts";

/**
 * The kinds, in the order of the embedded detector's outputs. A van is a car, as few people would tell in pictures of
 * 320 x 240 which it is; dogs are too few and too small there to be learnt or judged, and are no kind.
 */
export const KINDS = ["person", "bicycle", "car", "bus", "sign"] as const satisfies readonly ClassName[];

/** One of {@linkcode KINDS}. */
export type KindName = (typeof KINDS)[number];

/** The kind of a class; undefined where it is none. */
export function kindOf(label: ClassName): KindName | undefined {
  const name = label === "van" ? "car" : label;
  return KINDS.find((kind) => kind === name);
}

/** True boxes as a detector of kinds is to find them; what is of no kind is left out. */
export function boxesOfKinds(boxes: readonly TrueBox[]): TrueBox[] {
  return boxes.flatMap((box) => {
    const label = kindOf(box.label);
    return label === undefined ? [] : [{ ...box, label, class_id: CLASSES.indexOf(label) }];
  });
}
