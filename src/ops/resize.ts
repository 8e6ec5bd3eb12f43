/**
 * Resize and Upsample of rows and columns.
 * {@link https://onnx.ai/onnx/operators/onnx__Resize.html}, {@link https://onnx.ai/onnx/operators/onnx__Upsample.html}
 *
 * @module
 */
import { attr } from "./attribute.ts";
import type { Lowering, NodeContext, Operator } from "./operator.ts";
import { lowerResampling, type ResampleTable } from "./resample.ts";
import {
  COORDINATE_NAMES,
  NEAREST_NAMES,
  type ResizeAxis,
  type ResizeRule,
  resizeTable,
} from "./resize_table.ts";

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
  const roi = coordinatesOf(node) === "tf_crop_and_resize" ? numbersOf(node, 1, "roi") : undefined;
  const ratios = axes.map((axis, i) => (sizes?.[i] ?? 0) / shape[axis]!);
  const common = policy === "not_larger" ? Math.min(...ratios) : Math.max(...ratios);
  return shape.map((from, axis) => {
    const i = axes.indexOf(axis);
    if (i < 0) return { from, to: from, scale: 1, roi: [0, 1] };
    const region: [number, number] = [roi?.[i] ?? 0, roi?.[i + axes.length] ?? 1];
    if (sizes && policy === "stretch") {
      return { from, to: sizes[i]!, scale: Math.fround(sizes[i]! / from), roi: region };
    }
    if (sizes) return { from, to: Math.floor(common * from + 0.5), scale: Math.fround(common), roi: region };
    const scale = Math.fround(scales![i]!);
    return { from, to: Math.floor(Math.fround(from * scale * (region[1] - region[0]))), scale, roi: region };
  });
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

function lowerResize(node: Lowering): void {
  const axes = resizeAxes(node);
  const x = node.image(0);
  const rule = ruleOf(node);
  const still: ResampleTable = { taps: 1, pairs: new Float32Array([0, 1]) };
  const rows = axes.length === 4 ? resizeTable(axes[2]!, rule) : still;
  const crops = rule.coordinates === "tf_crop_and_resize";
  lowerResampling(node, x, node.imageOutput(0), {
    rows,
    columns: resizeTable(axes.at(-1)!, rule),
    ...(crops && { fill: attr.float(node.node, "extrapolation_value", 0) }),
  });
}

function resize(op: "Resize" | "Upsample", opsets: readonly [number, number]): Operator {
  return {
    op,
    opsets,
    layout: "image",
    fusesEpilogue: true,
    infer(node) {
      const axes = resizeAxes(node);
      const changed = axes.flatMap(({ from, to, scale }, axis) => from === to && scale === 1 ? [] : [axis]);
      if ((axes.length !== 3 && axes.length !== 4) || changed.some((axis) => axis < 2)) {
        node.fail(
          `resizes dimensions ${changed.join(", ")} of [${node.shape(0).join(", ")}]`,
          "rows and columns of NCHW (or columns of NCW) can be resized",
        );
      }
      ruleOf(node);
      return [{ dtype: node.type(0).dtype, shape: axes.map(({ to }) => to) }];
    },
    lower: lowerResize,
  };
}

/** Resize and Upsample. */
export const resizeOperators: readonly Operator[] = [resize("Resize", [10, 99]), resize("Upsample", [7, 9])];
