/**
 * What makes cases of one operator.
 *
 * @module
 */
import type { HostTensor } from "../../src/tensor/host_tensor.ts";
import type { AttributeSpec } from "../../tests/support/onnx_builder.ts";
import type { Draw, Operand } from "./draw.ts";

/** Operands and attributes that were drawn. */
export interface Drawn {
  operands: readonly Operand[];
  attributes?: Readonly<Record<string, AttributeSpec>>;
  /** How many outputs; one unless told. */
  outputs?: number;
  /** The largest difference allowed in floats, as a part of the largest magnitude; 1e-4 unless told. */
  relative?: number;
  /** The largest difference allowed in whole numbers: 0 unless told. */
  steps?: number;
  /**
   * Sums and products of floats are rounded to whole numbers, and where one lies on the middle between two, its last bit
   * decides: one element of 500 (or one alone) may differ by 1.
   */
  ties?: boolean;
  /** Rewrites an output before it is compared, where ONNX leaves its order open. */
  order?: (output: HostTensor, index: number) => HostTensor;
}

/** Cases of one operator. */
export interface Generator {
  op: string;
  /** ONNX's own unless told. */
  domain?: string;
  /** The operator sets at which its form changed, of those from 7 on: what held at 7 is listed as 7. */
  opsets: readonly number[];
  /** The last operator set that has it; the newest unless told. */
  until?: number;
  draw(d: Draw): Drawn;
}

/** A generator in one line. */
export function generator(op: string, opsets: readonly number[], draw: (d: Draw) => Drawn): Generator {
  return { op, opsets, draw };
}

/** The same for an operator of Microsoft's domain. */
export function microsoft(op: string, draw: (d: Draw) => Drawn): Generator {
  return { op, domain: "com.microsoft", opsets: [11, 13, 17], draw };
}
