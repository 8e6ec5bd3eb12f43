/**
 * The signals network: a detector whose weights are computed from the colours and sizes of the drawn street, not
 * trained. See README.md for what it is and is not.
 *
 * Each class is a region of colour. Its mask is cut into cells; each cell knows how far the mask reaches within it
 * to each side; those four coordinates then spread through the connected mask, cell by cell, by max pooling, until
 * the cell in the middle knows the extent of the whole object. What is left is to refuse boxes of the wrong size or
 * shape, to let only the middle cell speak, and to write YOLOX's raw output.
 */
import { onnxModel, tensorInfo } from "../../tests/support/onnx_builder.ts";
import { type Formula, Layers, type Maps, sum, times } from "./layers.ts";

/** Side of the square input in pixels. */
export const INPUT_SIZE = 416;

/** Bounds on a value: least and most. */
type Range = readonly [least: number, most: number];

interface SignalClass {
  readonly name: string;
  /** Strides of the grid that reports it. */
  readonly stride: 8 | 16 | 32;
  /** Each must be negative: a half-space of colour, in channels `b`, `g`, `r` of 0 to 255. */
  readonly colour: readonly Formula[];
  /** Extent of the coloured part in input pixels. */
  readonly width: Range;
  readonly height: Range;
  /** Width over height. */
  readonly aspect: Range;
  /** The least share of a surrounding's colour in the 24 x 24 pixels about the cell (stride 8 only). */
  readonly context?: { readonly of: keyof typeof SURROUNDINGS; readonly least: number };
  /** How the object lies about its coloured part. */
  readonly box: Margin | Prior;
}

/** The object goes beyond its coloured part by these shares of that part's width or height. */
interface Margin {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** The object is of known size, and its middle lies `below` pixels under the coloured part's. */
interface Prior {
  readonly width: number;
  readonly height: number;
  readonly below: number;
}

/** `channel` is at most `value`. */
const atMost = (channel: string, value: number): Formula => ({ [channel]: 1, "": -value });
/** `channel` is at least `value`. */
const atLeast = (channel: string, value: number): Formula => ({ [channel]: -1, "": value });
/** `channel` is at most `ratio` times `of`. */
const atMostOf = (channel: string, ratio: number, of: string): Formula => ({ [channel]: 1, [of]: -ratio });
/** `channel` is at least `ratio` times `of`. */
const atLeastOf = (channel: string, ratio: number, of: string): Formula => ({ [channel]: -1, [of]: ratio });

/** Colours that tell what a class's own colour does not: a lamp sits in a black plate, a stop sign bears white letters. */
const SURROUNDINGS = {
  black: [atMost("r", 66), atMost("g", 66), atMost("b", 70)],
  pale: [atLeast("r", 150), atLeastOf("g", 0.4, "r"), atLeastOf("b", 0.4, "r")],
} as const;

/** Input pixels per pixel of the street, and the mean scale of its traffic lights. */
const STREET_SCALE = 416 / 768, LIGHT_SCALE = 1.02;
const LAMP = {
  stride: 8,
  width: [5, 12],
  height: [4, 12],
  aspect: [0.65, 1.9],
  context: { of: "black", least: 0.24 },
} as const;
/** The plate of 32 x 78 about a lamp that is `below` its middle; a lamp's hood hides its uppermost 2 pixels. */
const plate = (below: number): Prior => ({
  width: 32 * LIGHT_SCALE * STREET_SCALE,
  height: 78 * LIGHT_SCALE * STREET_SCALE,
  below: -(below + 1) * LIGHT_SCALE * STREET_SCALE,
});

/** The classes in the order of the output's scores. */
export const SIGNAL_CLASSES: readonly SignalClass[] = [
  {
    name: "stop sign",
    stride: 8,
    colour: [atLeast("r", 125), atMostOf("g", 0.36, "r"), atMostOf("b", 0.42, "r")],
    width: [20, 42],
    height: [24, 42],
    aspect: [0.65, 1.3],
    context: { of: "pale", least: 0.15 },
    box: { left: 0.07, top: 0.07, right: 0.07, bottom: 0.07 },
  },
  {
    name: "sports ball",
    stride: 8,
    colour: [atLeast("g", 135), atMostOf("b", 0.5, "g"), atLeastOf("r", 0.74, "g"), atMostOf("r", 0.99, "g")],
    width: [13, 26],
    height: [14, 26],
    aspect: [0.65, 1.4],
    box: { left: 0.03, top: 0.03, right: 0.03, bottom: 0.03 },
  },
  {
    ...LAMP,
    name: "red light",
    colour: [
      atLeast("r", 230),
      atLeastOf("g", 0.2, "r"),
      atMostOf("g", 0.58, "r"),
      atLeastOf("b", 0.15, "r"),
      atMostOf("b", 0.6, "r"),
    ],
    box: plate(-22),
  },
  {
    ...LAMP,
    name: "amber light",
    colour: [
      atLeast("r", 235),
      atLeastOf("g", 0.83, "r"),
      atLeastOf("b", 0.16, "r"),
      atMostOf("b", 0.62, "r"),
    ],
    box: plate(0),
  },
  {
    ...LAMP,
    name: "green light",
    colour: [atLeast("g", 190), atMostOf("r", 0.62, "g"), atMostOf("b", 0.86, "g")],
    box: plate(22),
  },
  {
    name: "taxi",
    stride: 16,
    colour: [atLeast("r", 140), atLeastOf("g", 0.64, "r"), atMostOf("g", 0.9, "r"), atMostOf("b", 0.42, "r")],
    width: [30, 100],
    height: [11, 32],
    aspect: [1.5, 5.2],
    box: { left: 0.01, top: 0.2, right: 0.01, bottom: 0.34 },
  },
  {
    name: "bus",
    stride: 32,
    colour: [atLeast("b", 90), atMostOf("r", 0.42, "b"), atMostOf("g", 0.62, "b")],
    width: [55, 165],
    height: [24, 52],
    aspect: [1.3, 5],
    box: { left: 0.005, top: 0.0, right: 0.005, bottom: 0.16 },
  },
];

const SIDES = ["right", "left", "bottom", "top"] as const;
/** How sharply a colour beyond its half-space fades: one over this many grey levels. */
const COLOUR_SOFTNESS = 6;
/** Mask pixels that a cell's part must hold to count: single stray pixels do not. */
const PRESENCE = 1.2;

/** The model file's bytes; the same on every run. */
export function signalsModel(): Uint8Array<ArrayBuffer> {
  const layers = new Layers();
  const image: Maps = { name: "images", channels: ["b", "g", "r"] };
  const half = layers.averagePool("half", image, { kernel: [2, 2], stride: 2 });
  const mask = likelihoods(layers, half);
  const surroundings = layers.conv(
    "surroundings",
    mask,
    Object.keys(SURROUNDINGS),
    { kernel: [12, 12], stride: 4, pads: [4, 4] },
    (output, input) => input === output ? 1 / 144 : 0,
  );
  const quarter = layers.averagePool("quarter", mask, { kernel: [2, 2], stride: 2 });
  const levels = ([8, 16, 32] as const).map((stride) => {
    const classes = SIGNAL_CLASSES.filter((signal) => signal.stride === stride);
    const source = stride === 32 ? quarter : mask;
    const context = stride === 8 ? [surroundings] : [];
    return detectLevel(layers, source, stride === 32 ? 4 : 2, stride, classes, context);
  });
  layers.output("output", levels);
  const cells = [8, 16, 32].reduce((count, stride) => count + (INPUT_SIZE / stride) ** 2, 0);
  return onnxModel({
    name: "signals",
    producerName: "framewise",
    nodes: layers.nodes,
    initializers: layers.constants,
    inputs: [tensorInfo("images", "f32", [1, 3, INPUT_SIZE, INPUT_SIZE])],
    outputs: [tensorInfo("output", "f32", [1, cells, 5 + SIGNAL_CLASSES.length])],
  });
}

/** One mask a class and a surrounding, 0 to 1: inside all half-spaces of its colour. */
function likelihoods(layers: Layers, image: Maps): Maps {
  const beyond: Record<string, Formula> = {}, inside: Record<string, Formula> = {};
  const colours = [
    ...SIGNAL_CLASSES.map(({ name, colour }) => [name, colour] as const),
    ...Object.entries(SURROUNDINGS),
  ];
  for (const [name, colour] of colours) {
    colour.forEach((plane, i) => beyond[`${name} ${i}`] = times(1 / COLOUR_SOFTNESS, plane));
    inside[name] = sum({ "": 1 }, ...colour.map((_, i) => ({ [`${name} ${i}`]: -1 })));
  }
  const planes = layers.relu(layers.linear("colour", image, beyond));
  return layers.clip(layers.linear("likelihood", planes, inside), 0, 1);
}

/** Detects the classes of one grid; gives its rows of the output. */
function detectLevel(
  layers: Layers,
  masks: Maps,
  pixelSize: number,
  stride: number,
  classes: readonly SignalClass[],
  context: readonly Maps[],
): Maps {
  const at = `stride${stride}`, steps = stride / pixelSize;
  const names = classes.map(({ name }) => name);
  const mask = layers.linear(
    `${at}.mask`,
    masks,
    Object.fromEntries(names.map((name) => [name, { [name]: 1 }])),
  );
  const ramps = positionRamps(layers, at, mask, stride, steps);

  // For each side, `steps` answers to "does the mask reach at least this far?": their sum is the reach.
  const reachChannels = names.flatMap((name) =>
    SIDES.flatMap((side) => Array.from({ length: steps }, (_, i) => `${name}/${side}/${i}`))
  );
  const gain = 100;
  const reaches = layers.conv(
    `${at}.reach`,
    mask,
    reachChannels,
    { kernel: [steps, steps], stride: steps },
    (output, input, row, column) => {
      const [name, side, index] = output.split("/");
      if (name !== input) return 0;
      const i = Number(index), position = side === "right" || side === "left" ? column : row;
      const counts = side === "right" || side === "bottom" ? position >= i : position < steps - i;
      return counts ? gain : 0;
    },
    () => -gain * PRESENCE,
  );
  const reach = layers.concat(`${at}.seen`, layers.clip(reaches, 0, 1), ramps);

  // Absolute coordinates of the four sides, the left and top ones counted from the far edge, so that the
  // outermost is the largest; zero in cells without mask.
  const present: Record<string, Formula> = {}, coordinate: Record<string, Formula> = {};
  for (const name of names) {
    for (const side of SIDES) {
      present[`${name}/${side}`] = { [`${name}/right/0`]: 1 };
      coordinate[`${name}/${side}`] = sum(
        { [side]: 1 },
        ...Array.from({ length: steps }, (_, i) => ({ [`${name}/${side}/${i}`]: pixelSize })),
      );
    }
  }
  const presence = layers.linear(`${at}.present`, reach, present);
  let extent = layers.mul(`${at}.extent0`, layers.linear(`${at}.coordinate`, reach, coordinate), presence);
  for (let i = 1; i <= spreadSteps(stride, classes); i++) {
    const spread = layers.maxPool(`${at}.spread${i}`, extent, { kernel: [3, 3], pads: [1, 1] });
    extent = layers.mul(`${at}.extent${i}`, spread, presence);
  }
  return writeRows(layers, at, layers.concat(`${at}.found`, extent, ramps, ...context), stride, classes);
}

/** Cells from the middle of the largest object to its end. */
function spreadSteps(stride: number, classes: readonly SignalClass[]): number {
  const largest = Math.max(...classes.map(({ width, height }) => Math.max(width[1], height[1])));
  return Math.ceil(largest / 2 / stride);
}

/**
 * The position of each cell in pixels, from all four edges: `right` is that of its left side, `left` the distance of
 * its right side from the image's right edge, and so on. Counted by convolution over ones: what lies beyond the edge
 * is zero padding and does not count.
 */
function positionRamps(layers: Layers, at: string, mask: Maps, stride: number, steps: number): Maps {
  const cells = INPUT_SIZE / stride, reach = cells - 1;
  const ones = layers.conv(
    `${at}.ones`,
    mask,
    ["one"],
    { kernel: [steps, steps], stride: steps },
    () => 0,
    () => 1,
  );
  const across = layers.conv(
    `${at}.across`,
    ones,
    ["right", "left"],
    { kernel: [1, 2 * reach + 1], pads: [0, reach] },
    (output, _input, _row, column) => (output === "right" ? column < reach : column > reach) ? stride : 0,
  );
  const down = layers.conv(
    `${at}.down`,
    ones,
    ["bottom", "top"],
    { kernel: [2 * reach + 1, 1], pads: [reach, 0] },
    (output, _input, row) => (output === "bottom" ? row < reach : row > reach) ? stride : 0,
  );
  return layers.concat(`${at}.ramps`, across, down);
}

/** Scores each class's box in each cell, and writes centre, size, objectness and scores as YOLOX does. */
function writeRows(
  layers: Layers,
  at: string,
  found: Maps,
  stride: number,
  classes: readonly SignalClass[],
): Maps {
  const faults: Record<string, Formula> = {}, score: Record<string, Formula> = {};
  const boxes: Record<string, Formula> = {}, weights: Record<string, Formula> = {};
  const total: Formula = Object.fromEntries(classes.map(({ name }) => [name, 1]));
  for (const { name, width, height, aspect, context, box } of classes) {
    const [right, left, bottom, top] = SIDES.map((side) => `${name}/${side}`) as [
      string,
      string,
      string,
      string,
    ];
    const w: Formula = { [right]: 1, [left]: 1, "": -INPUT_SIZE };
    const h: Formula = { [bottom]: 1, [top]: 1, "": -INPUT_SIZE };
    const x: Formula = { [right]: 0.5, [left]: -0.5, "": INPUT_SIZE / 2 };
    const y: Formula = { [bottom]: 0.5, [top]: -0.5, "": INPUT_SIZE / 2 };
    // A cell speaks for an object whose middle lies in it, or hardly beside it.
    const offCentre = [sum(x, { right: -1, "": -stride / 2 }), sum(y, { bottom: -1, "": -stride / 2 })];
    const violations: Formula[] = [
      ...offCentre.flatMap((off) => [off, times(-1, off)]).map((off) =>
        times(3 / stride, sum(off, { "": -0.55 * stride }))
      ),
      ...([[w, width], [h, height]] as const).flatMap(([value, [least, most]]) => [
        times(0.4, sum(times(-1, value), { "": least })),
        times(0.4, sum(value, { "": -most })),
      ]),
      times(0.2, sum(w, times(-aspect[1], h))),
      times(0.2, sum(times(aspect[0], h), times(-1, w))),
      ...(context ? [times(20, { [context.of]: -1, "": context.least })] : []),
    ];
    violations.forEach((violation, i) => faults[`${name}/${i}`] = violation);
    score[name] = sum({ "": 1 }, ...violations.map((_, i) => ({ [`${name}/${i}`]: -1 })));
    const around: Record<string, Formula> = "below" in box
      ? { x, y: sum(y, { "": box.below }), w: { "": box.width }, h: { "": box.height } }
      : {
        x: sum(x, times((box.right - box.left) / 2, w)),
        y: sum(y, times((box.bottom - box.top) / 2, h)),
        w: times(1 + box.left + box.right, w),
        h: times(1 + box.top + box.bottom, h),
      };
    for (const [part, formula] of Object.entries(around)) boxes[`${name}/${part}`] = formula;
    for (const part of "xywh") weights[`${name}/${part}`] = { [name]: 1 };
  }
  const faulty = layers.relu(layers.linear(`${at}.faults`, found, faults));
  const scores = layers.clip(layers.linear(`${at}.score`, faulty, score), 0, 1);
  const weighted = layers.mul(
    `${at}.weighted`,
    layers.linear(`${at}.boxes`, found, boxes),
    layers.linear(`${at}.weights`, scores, weights),
  );
  // One box a cell: the mean of its classes' boxes by score (in practice of one class).
  const parts = ["x", "y", "w", "h"];
  const sums = layers.linear(`${at}.sums`, layers.concat(`${at}.parts`, weighted, scores), {
    ...Object.fromEntries(
      parts.map((part) => [part, sum(...classes.map(({ name }) => ({ [`${name}/${part}`]: 1 })))]),
    ),
    ...Object.fromEntries(
      SIGNAL_CLASSES.map(({ name }) => [name, name in total ? { [name]: 1 } : {}] as [string, Formula]),
    ),
  });
  const divisor = layers.linear(
    `${at}.divisor`,
    scores,
    Object.fromEntries(sums.channels.map((channel) => [channel, sum(total, { "": 1e-6 })])),
  );
  const mean = layers.concat(`${at}.mean`, layers.div(`${at}.shares`, sums, divisor), found);
  const centre = layers.linear(`${at}.centre`, mean, {
    cx: { x: 1 / stride, right: -1 / stride },
    cy: { y: 1 / stride, bottom: -1 / stride },
  });
  const pixels = layers.linear(`${at}.size`, mean, { w: { w: 1 / stride }, h: { h: 1 / stride } });
  const size = layers.log(layers.clip(pixels, 1 / stride, INPUT_SIZE));
  const objectness = layers.clip(layers.linear(`${at}.objectness`, scores, { objectness: total }), 0, 1);
  const classScores = layers.linear(
    `${at}.classes`,
    mean,
    Object.fromEntries(SIGNAL_CLASSES.map(({ name }) => [name, { [name]: 1 }])),
  );
  return layers.flatten(`${at}.rows`, layers.concat(`${at}.cells`, centre, size, objectness, classScores));
}
