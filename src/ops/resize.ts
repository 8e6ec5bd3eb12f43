/**
 * Resize and Upsample: of rows and columns in one pass, of other dimensions one after the other.
 * {@link https://onnx.ai/onnx/operators/onnx__Resize.html}, {@link https://onnx.ai/onnx/operators/onnx__Upsample.html}
 *
 * @module
 */
import { attr } from "./attribute.ts";
import { epilogueSteps } from "./epilogue.ts";
import type { Lowering, NodeContext, Operator } from "./operator.ts";
import {
  lowerAxisResampling,
  lowerImageResampling,
  resampleHost,
  type ResampleRule,
  type ResampleTable,
  stillTable,
} from "./resample.ts";
import { ANY_TYPE } from "./types.ts";
import {
  COORDINATE_NAMES,
  NEAREST_NAMES,
  type ResizeAxis,
  type ResizeRule,
  resizeTable,
} from "./resize_table.ts";

const POLICIES = ["stretch", "not_larger", "not_smaller"];

/** Constant numbers of an input; an empty tensor counts as left out. */
function numbersOf(node: NodeContext, index: number, name: string): number[] | undefined {
  const numbers = node.numbers(index, name);
  return numbers && numbers.length > 0 ? numbers : undefined;
}

/** The dimensions of a Resize, one for each of the input's. */
function resizeAxes(node: NodeContext): ResizeAxis[] {
  const shape = node.shape(0);
  const old = node.node.op === "Upsample" || node.opset < 11;
  const scales = node.node.op === "Upsample" && attr.has(node.node, "scales")
    ? [...attr.floats(node.node, "scales")]
    : numbersOf(node, old ? 1 : 2, "scales");
  const sizes = old ? undefined : numbersOf(node, 3, "sizes");
  const axes = attr.ints(node.node, "axes", shape.map((_, axis) => axis)).map((axis) =>
    node.axis(axis, shape.length)
  );
  const given = sizes ?? scales ?? node.fail("neither scales nor sizes are given", "export the model again");
  if (given.length !== axes.length) {
    node.fail(`${given.length} numbers are given for ${axes.length} dimensions`, "export the model again");
  }
  const policy = attr.string(node.node, "keep_aspect_ratio_policy", "stretch");
  if (!POLICIES.includes(policy)) {
    node.fail(`keep_aspect_ratio_policy "${policy}" is unknown`, `use one of ${POLICIES.join(", ")}`);
  }
  const roi = coordinatesOf(node) === "tf_crop_and_resize" ? numbersOf(node, 1, "roi") : undefined;
  const ratios = axes.map((axis, i) => (sizes?.[i] ?? 0) / shape[axis]!);
  const common = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  return shape.map((from, axis): ResizeAxis => {
    const i = axes.indexOf(axis);
    if (i < 0) return { from, to: from, scale: 1, length: from, roi: [0, 1] };
    const region: [number, number] = [roi?.[i] ?? 0, roi?.[i + axes.length] ?? 1];
    if (sizes) {
      const to = policy === "stretch" ? sizes[i]! : Math.floor(common * from + 0.5);
      const ratio = from === 0 && to === 0 ? 1 : policy === "stretch" ? to / from : common;
      return checked(node, { from, to, scale: Math.fround(ratio), length: to, roi: region });
    }
    const scale = Math.fround(scales![i]!);
    // The standard's extent is of the region alone; like ONNX Runtime's, this is of the whole.
    const length = Math.fround(from * scale);
    return checked(node, { from, to: Math.floor(length), scale, length, roi: region });
  });
}

/** Refuses extents that are none, scales that are not above 0, and something made of nothing. */
function checked(node: NodeContext, axis: ResizeAxis): ResizeAxis {
  const { from, to, scale } = axis;
  if (!Number.isInteger(to) || to < 0 || !(scale > 0 || to === 0) || (from === 0 && to > 0)) {
    node.fail(`resizes ${from} to ${to} by a scale of ${scale}`, "give sizes from 1 and scales above 0");
  }
  return axis;
}

function coordinatesOf(node: NodeContext): string {
  const old = node.node.op === "Upsample" || node.opset < 11;
  const name = old ? "asymmetric" : attr.string(node.node, "coordinate_transformation_mode", "half_pixel");
  if (!COORDINATE_NAMES.includes(name)) {
    node.fail(
      `coordinate_transformation_mode "${name}" is unknown`,
      `use one of ${COORDINATE_NAMES.join(", ")}`,
    );
  }
  return name;
}

function ruleOf(node: NodeContext): ResizeRule {
  const mode = attr.string(node.node, "mode", "nearest").replace("bilinear", "linear");
  if (mode !== "nearest" && mode !== "linear" && mode !== "cubic") {
    node.fail(`mode "${mode}" is unknown`, "use nearest, linear or cubic");
  }
  const old = node.node.op === "Upsample" || node.opset < 11;
  const nearest = old ? "simple" : attr.string(node.node, "nearest_mode", "round_prefer_floor");
  if (!NEAREST_NAMES.includes(nearest)) {
    node.fail(`nearest_mode "${nearest}" is unknown`, `use one of ${NEAREST_NAMES.join(", ")}`);
  }
  return {
    mode,
    coordinates: coordinatesOf(node),
    nearest,
    cubicCoefficient: attr.float(node.node, "cubic_coeff_a", -0.75),
    excludeOutside: attr.int(node.node, "exclude_outside", 0) === 1,
    antialias: attr.int(node.node, "antialias", 0) === 1,
  };
}

/**
 * The dimensions that are resampled. As in ONNX Runtime, a Resize that keeps all extents moves nothing, whatever its scales
 * and region are, and one with antialias leaves every dimension of the same extent alone.
 */
function changedAxes(axes: readonly ResizeAxis[], { antialias }: ResizeRule): number[] {
  if (axes.every(({ from, to }) => from === to)) return [];
  return axes.flatMap(({ from, to, scale, roi: [begin, end] }, i) => {
    const still = from === to && (antialias || (scale === 1 && begin === 0 && end === 1));
    return still ? [] : [i];
  });
}

/** The tables of the dimensions that change, and how they are applied. */
function resampling(node: NodeContext): { tables: Map<number, ResampleTable>; rule: ResampleRule } {
  const axes = resizeAxes(node);
  const rule = ruleOf(node);
  const changed = changedAxes(axes, rule);
  const crops = rule.coordinates === "tf_crop_and_resize";
  return {
    tables: new Map(changed.map((i) => [i, resizeTable(axes[i]!, rule)])),
    rule: {
      moves: rule.mode === "nearest",
      finish: rule.mode === "linear" && !rule.antialias ? "cut" : "round",
      ...(crops && { fill: attr.float(node.node, "extrapolation_value", 0) }),
      key: axes.map(({ from, to, scale, length, roi }) => [from, to, scale, length, ...roi].join(" ")).join(
        ", ",
      ),
    },
  };
}

function lowerResize(node: Lowering): void {
  const { tables, rule } = resampling(node);
  const shape = node.shape(0);
  const rank = shape.length;
  if (tables.size === 0 && epilogueSteps(node.node).length === 0) {
    node.alias(0, node.view(0));
  } else if ((rank === 3 || rank === 4) && [...tables.keys()].every((axis) => axis >= 2)) {
    const table = (axis: number): ResampleTable => tables.get(axis) ?? stillTable(shape[axis]!);
    lowerImageResampling(node, rank === 4 ? table(2) : stillTable(1), table(rank - 1), rule);
  } else {
    lowerAxisResampling(node, tables.size > 0 ? tables : new Map([[0, stillTable(shape[0]!)]]), rule);
  }
}

function resize(op: "Resize" | "Upsample", opsets: readonly [number, number]): Operator {
  return {
    op,
    opsets,
    types: ANY_TYPE,
    layout: "image",
    fusesEpilogue: true,
    infer(node) {
      ruleOf(node);
      return [{ dtype: node.type(0).dtype, shape: resizeAxes(node).map(({ to }) => to) }];
    },
    evaluate(node, [x]) {
      const { tables, rule } = resampling(node);
      return [resampleHost(x!, tables, rule)];
    },
    lower: lowerResize,
  };
}

/** Resize and Upsample. */
export const resizeOperators: readonly Operator[] = [resize("Resize", [10, 99]), resize("Upsample", [7, 9])];
