/**
 * Heads and suppression as plain loops on the host, written from the papers and the networks' own examples, sharing
 * nothing with the code under test. Scores are rounded to f32 where the kernels form them in one operation.
 *
 * @module
 */

/** A candidate in network pixels; `order` breaks ties of the score. */
export interface Candidate {
  box: [number, number, number, number];
  score: number;
  classId: number;
  order: number;
  keypoints?: [number, number][];
}

const f32 = Math.fround;

function best(scores: ArrayLike<number>): [index: number, score: number] {
  let [index, score] = [0, 0];
  for (let c = 0; c < scores.length; c++) if (scores[c]! > score) [index, score] = [c, scores[c]!];
  return [index, score];
}

function fromCenter(cx: number, cy: number, w: number, h: number): [number, number, number, number] {
  return [cx - w / 2, cy - h / 2, cx + w / 2, cy + h / 2];
}

/** YOLOX's rows `[N, 5 + classes]`. */
export function yoloxReference(
  rows: Float32Array,
  classes: number,
  width: number,
  height: number,
): Candidate[] {
  const out: Candidate[] = [];
  let row = 0;
  for (const stride of [8, 16, 32]) {
    for (let gy = 0; gy < Math.ceil(height / stride); gy++) {
      for (let gx = 0; gx < Math.ceil(width / stride); gx++, row++) {
        const values = rows.subarray(row * (5 + classes), (row + 1) * (5 + classes));
        const [classId, score] = best(values.subarray(5));
        out.push({
          box: fromCenter(
            (values[0]! + gx) * stride,
            (values[1]! + gy) * stride,
            Math.exp(values[2]!) * stride,
            Math.exp(values[3]!) * stride,
          ),
          score: f32(values[4]! * score),
          classId,
          order: row * classes + classId,
        });
      }
    }
  }
  return out;
}

/** FastestDet's map `[5 + classes, rows, columns]`. */
export function fastestDetReference(
  map: Float32Array,
  classes: number,
  columns: number,
  rows: number,
  width: number,
  height: number,
): Candidate[] {
  const out: Candidate[] = [];
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      const at = (channel: number): number => map[channel * rows * columns + y * columns + x]!;
      const [classId, score] = best(Array.from({ length: classes }, (_, c) => at(5 + c)));
      const sigmoid = (v: number): number => 1 / (1 + Math.exp(-v));
      out.push({
        box: fromCenter(
          (x + Math.tanh(at(1))) / columns * width,
          (y + Math.tanh(at(2))) / rows * height,
          sigmoid(at(3)) * width,
          sigmoid(at(4)) * height,
        ),
        score: at(0) ** 0.6 * score ** 0.4,
        classId,
        order: (y * columns + x) * classes + classId,
      });
    }
  }
  return out;
}

/** Corners 0..1 `[N, 4]` and probabilities `[N, 1 + classes]`, background first. */
export function cornersReference(
  boxes: Float32Array,
  scores: Float32Array,
  classes: number,
  width: number,
  height: number,
): Candidate[] {
  const out: Candidate[] = [];
  for (let n = 0; n < boxes.length / 4; n++) {
    for (let classId = 0; classId < classes; classId++) {
      const [x1, y1, x2, y2] = [0, 1, 2, 3].map((i) => f32(boxes[n * 4 + i]! * (i % 2 ? height : width))) as
        & number[]
        & [number, number, number, number];
      out.push({
        box: [x1, y1, x2, y2],
        score: scores[n * (classes + 1) + classId + 1]!,
        classId,
        order: n * classes + classId,
      });
    }
  }
  return out;
}

/** YuNet's maps by name. */
export function yunetReference(
  maps: Readonly<Record<string, Float32Array>>,
  width: number,
  height: number,
): Candidate[] {
  const out: Candidate[] = [];
  for (const stride of [8, 16, 32]) {
    const columns = Math.ceil(width / stride);
    for (let cell = 0; cell < columns * Math.ceil(height / stride); cell++) {
      const [gx, gy] = [cell % columns, Math.floor(cell / columns)];
      const [cls, obj] = [maps[`cls_${stride}`]![cell]!, maps[`obj_${stride}`]![cell]!];
      const box = maps[`bbox_${stride}`]!.subarray(cell * 4, cell * 4 + 4);
      const kps = maps[`kps_${stride}`]!.subarray(cell * 10, cell * 10 + 10);
      const clamp = (v: number): number => Math.min(Math.max(v, 0), 1);
      out.push({
        box: fromCenter(
          (gx + box[0]!) * stride,
          (gy + box[1]!) * stride,
          Math.exp(box[2]!) * stride,
          Math.exp(box[3]!) * stride,
        ),
        score: Math.sqrt(clamp(cls) * clamp(obj)),
        classId: 0,
        order: out.length,
        keypoints: [0, 1, 2, 3, 4].map((
          p,
        ): [number, number] => [(kps[2 * p]! + gx) * stride, (kps[2 * p + 1]! + gy) * stride]),
      });
    }
  }
  return out;
}

/** SSD's offsets `[N, 4]`, scores `[N, C]` and priors (corners, 0..1); `background` is left out of the classes. */
export function ssdReference(
  loc: Float32Array,
  conf: Float32Array,
  priors: ArrayLike<number>,
  options: {
    background: number;
    softmax: boolean;
    variances: readonly number[];
    width: number;
    height: number;
  },
): Candidate[] {
  const { background, softmax, variances, width, height } = options;
  const count = loc.length / 4;
  const entries = conf.length / count;
  const classes = background < 0 ? entries : entries - 1;
  const out: Candidate[] = [];
  for (let n = 0; n < count; n++) {
    let row = [...conf.subarray(n * entries, (n + 1) * entries)];
    if (softmax) {
      const largest = Math.max(...row);
      const powers = row.map((v) => Math.exp(v - largest));
      const sum = powers.reduce((a, b) => a + b, 0);
      row = powers.map((v) => v / sum);
    }
    const [x1, y1, x2, y2] = [0, 1, 2, 3].map((i) => priors[n * 4 + i]!) as [number, number, number, number];
    const [pw, ph] = [x2 - x1, y2 - y1];
    const d = [0, 1, 2, 3].map((i) => loc[n * 4 + i]! * variances[i]!) as [number, number, number, number];
    const box = fromCenter(
      ((x1 + x2) / 2 + d[0] * pw) * width,
      ((y1 + y2) / 2 + d[1] * ph) * height,
      Math.exp(d[2]) * pw * width,
      Math.exp(d[3]) * ph * height,
    );
    row.splice(background < 0 ? entries : background, 1);
    row.forEach((score, classId) => out.push({ box, score, classId, order: n * classes + classId }));
  }
  return out;
}

/** Intersection over union. */
export function iou(a: readonly number[], b: readonly number[]): number {
  const side = (low: number, high: number): number => Math.max(0, high - low);
  const area = (box: readonly number[]): number => side(box[0]!, box[2]!) * side(box[1]!, box[3]!);
  const common = side(Math.max(a[0]!, b[0]!), Math.min(a[2]!, b[2]!)) *
    side(Math.max(a[1]!, b[1]!), Math.min(a[3]!, b[3]!));
  const union = area(a) + area(b) - common;
  return union > 0 ? common / union : 0;
}

/** What selection and suppression go by. */
export interface SuppressionOptions {
  score: number;
  iou: number;
  agnostic?: boolean;
  classes?: readonly number[];
  candidates?: number;
  maxDetections?: number;
}

/** Threshold, best K, greedy suppression, best few: what is left, best first. */
export function suppressReference(all: readonly Candidate[], options: SuppressionOptions): Candidate[] {
  const sorted = all
    .filter(({ score, box }) =>
      Number.isFinite(score) && box.every(Number.isFinite) && score > f32(options.score)
    )
    .filter(({ classId }) => options.classes?.includes(classId) ?? true)
    .sort((a, b) => b.score - a.score || a.order - b.order)
    .slice(0, options.candidates ?? 512);
  const kept: Candidate[] = [];
  for (const candidate of sorted) {
    const rival = (other: Candidate): boolean =>
      (options.agnostic === true || other.classId === candidate.classId) &&
      iou(other.box, candidate.box) > f32(options.iou);
    if (!kept.some(rival)) kept.push(candidate);
  }
  return kept.slice(0, options.maxDetections ?? 300);
}
