/**
 * NonMaxSuppression: of boxes that overlap, the one of the highest score. How many there are is known only while the
 * network runs: the output has room for `max_output_boxes_per_class` of every class of every batch (or all its boxes, if
 * those are fewer), and its type names the count.
 * {@link https://onnx.ai/onnx/operators/onnx__NonMaxSuppression.html}
 *
 * @module
 */
import LIST from "../../shaders/select/list_boxes.wgsl" with { type: "text" };
import SUPPRESS from "../../shaders/select/suppress.wgsl" with { type: "text" };
import { foldWorkgroups, type KernelSource } from "../gpu/mod.ts";
import { hostTensor, toNumbers } from "../tensor/host_tensor.ts";
import { attr } from "./attribute.ts";
import { fillDispatch } from "./fill.ts";
import type { NodeContext, Operator } from "./operator.ts";
import { MAX_ITERATIONS } from "./strided.ts";

const suppressKernel: KernelSource = { name: "select/suppress", wgsl: SUPPRESS };
const listKernel: KernelSource = { name: "select/list_boxes", wgsl: LIST };

/** Invocations of a workgroup of the suppression. */
const THREADS = 256;

interface Suppression {
  batches: number;
  classes: number;
  /** Boxes of a batch. */
  extent: number;
  /** The most boxes chosen of a class of a batch. */
  most: number;
  iouThreshold: number;
  scoreThreshold: number | undefined;
  centers: boolean;
}

function suppressionOf(node: NodeContext): Suppression {
  const [boxes, scores] = [node.shape(0), node.shape(1)];
  const [batches, extent] = boxes as [number, number];
  if (
    boxes.length !== 3 || scores.length !== 3 || boxes[2] !== 4 || scores[0] !== batches ||
    scores[2] !== extent
  ) {
    node.fail(
      `boxes of [${boxes.join(", ")}] and scores of [${scores.join(", ")}]`,
      "[batches, boxes, 4] and [batches, classes, boxes] are needed; export the model again",
    );
  }
  const [wanted = 0] = node.numbers(2, "max_output_boxes_per_class") ?? [];
  const [iouThreshold = 0] = node.numbers(3, "iou_threshold") ?? [];
  const [scoreThreshold] = node.numbers(4, "score_threshold") ?? [];
  if (!(iouThreshold >= 0 && iouThreshold <= 1)) {
    node.fail(`its iou_threshold is ${iouThreshold}`, "give one from 0 to 1");
  }
  return {
    batches,
    classes: scores[1]!,
    extent,
    most: Math.min(Math.max(wanted, 0), extent),
    iouThreshold,
    scoreThreshold,
    centers: attr.int(node.node, "center_point_box", 0) === 1,
  };
}

/** NonMaxSuppression. */
export const nonMaxSuppression: Operator = {
  op: "NonMaxSuppression",
  opsets: [10, 99],
  infer(node) {
    const { batches, classes, most } = suppressionOf(node);
    const bound = batches * classes * most;
    return [{
      dtype: "i64",
      shape: [bound, 3],
      ...(bound > 0 && { counts: [node.countName(0), undefined] }),
    }];
  },
  evaluate(node, [boxes, scores]) {
    const suppression = suppressionOf(node);
    const { batches, classes, extent, centers } = suppression;
    const [edges, all] = [toNumbers(boxes!), toNumbers(scores!)];
    const chosen: number[] = [];
    for (let batch = 0; batch < batches; batch++) {
      const own = Array.from({ length: extent }, (_, i) => {
        const at = (batch * extent + i) * 4;
        return cornersOf(edges.slice(at, at + 4) as Corners, centers);
      });
      for (let kind = 0; kind < classes; kind++) {
        const row = (batch * classes + kind) * extent;
        const indices = suppress(own, all.slice(row, row + extent), suppression);
        for (const index of indices) chosen.push(batch, kind, index);
      }
    }
    return [hostTensor("i64", [chosen.length / 3, 3], chosen)];
  },
  lower(node) {
    const { batches, classes, extent, most, iouThreshold, scoreThreshold, centers } = suppressionOf(node);
    const [boxes, scores, y] = [node.linear(0), node.linear(1), node.output(0, "linear")];
    const rows = batches * classes;
    if (rows * most === 0) return;
    const perRound = Math.ceil(extent / THREADS) + 10;
    if (rows > MAX_ITERATIONS || perRound > MAX_ITERATIONS / 2) {
      node.fail(
        `chooses among ${extent} boxes in ${rows} rows`,
        `at most ${MAX_ITERATIONS} rows of ${
          (MAX_ITERATIONS / 2 - 10) * THREADS
        } boxes are supported; use a smaller input`,
      );
    }
    const state = (...shape: number[]) => node.temporary({ dtype: "i32", shape }, "linear");
    const [candidates, passed] = [state(rows, extent), state(rows)];
    const [picked, found] = [state(rows, most), state(rows)];
    const rounds = Math.floor(MAX_ITERATIONS / perRound) - 1;
    for (let first = 0; first < most; first += rounds) {
      node.emit({
        kernel: suppressKernel,
        options: { overrides: { CENTERS: centers, HAS_THRESHOLD: scoreThreshold !== undefined } },
        bindings: { boxes, scores, candidates, passed, picked, found },
        uniforms: {
          count: rows,
          classes,
          extent,
          most,
          first,
          end: Math.min(first + rounds, most),
          boxes_offset: boxes.offset,
          scores_offset: scores.offset,
          iou_threshold: iouThreshold,
          score_threshold: scoreThreshold ?? 0,
        },
        workgroups: foldWorkgroups(rows),
      });
    }
    const total = node.count(0);
    node.emit(fillDispatch(y, 0));
    node.emit({
      kernel: listKernel,
      bindings: { picked, found, y, total },
      uniforms: {
        count: rows * most,
        classes,
        most,
        y_offset: y.offset,
        total_offset: total.offset,
      },
      workgroups: foldWorkgroups(Math.ceil(rows * most / 64)),
    });
  },
};

/** A box as its lower and its upper corner. */
type Corners = [number, number, number, number];

function cornersOf([a, b, c, d]: Corners, centers: boolean): Corners {
  if (centers) return [a - c / 2, b - d / 2, a + c / 2, b + d / 2];
  return [Math.min(a, c), Math.min(b, d), Math.max(a, c), Math.max(b, d)];
}

function overlap(a: Corners, b: Corners): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  const [own, other] = [a, b].map(([x, y, z, w]) => (z - x) * (w - y)) as [number, number];
  if (width <= 0 || height <= 0 || own <= 0 || other <= 0) return 0;
  return width * height / (own + other - width * height);
}

/** The boxes that stay of one class, in the order of their scores. */
function suppress(boxes: readonly Corners[], scores: readonly number[], suppression: Suppression): number[] {
  const { most, iouThreshold, scoreThreshold } = suppression;
  const candidates = scores.flatMap((score, i) =>
    scoreThreshold === undefined || score > scoreThreshold ? [i] : []
  );
  candidates.sort((a, b) => scores[b]! - scores[a]! || a - b);
  const kept: number[] = [];
  for (const i of candidates) {
    if (kept.length === most) break;
    if (kept.every((other) => overlap(boxes[i]!, boxes[other]!) <= iouThreshold)) kept.push(i);
  }
  return kept;
}
