/** The plan of a town: streets that cross at right angles, and the land between them. */
import { Random, seedOf } from "../tensor/random.ts";

/** One street, all the way through the town. */
export interface Street {
  /** Its middle: x of a street that runs north to south, z of one that runs east to west. */
  readonly middle: number;
  /** Half the width of its carriageway, parking included. */
  readonly half: number;
  /** Whether cars park at both sides. */
  readonly parking: boolean;
  readonly seed: number;
}

/** Which side of a piece of land. */
export type Side = "north" | "south" | "east" | "west";

/** A piece of land between streets, kerb to kerb. */
export interface Land {
  readonly x0: number;
  readonly x1: number;
  readonly z0: number;
  readonly z1: number;
  /** Width of its pavements. */
  readonly pavement: number;
  /** The sides that lie at a street. */
  readonly sides: readonly Side[];
  readonly use: "houses" | "park" | "square";
  /** Column and row among the town's land; the land around the town has -1 or the number of columns, rows. */
  readonly column: number;
  readonly row: number;
  readonly seed: number;
}

/** How a town is planned. */
export interface PlanOptions {
  readonly seed: number;
  /** Pieces of land from west to east, and from north to south. */
  readonly columns?: number;
  readonly rows?: number;
  /** Two streets that run north to south, by number, whose houses are built after one drawing. */
  readonly twins?: readonly [number, number] | undefined;
}

/** The plan. */
export interface Plan {
  readonly seed: number;
  /** Streets that run north to south, west to east. One more than columns. */
  readonly streetsX: readonly Street[];
  /** Streets that run east to west, north to south. */
  readonly streetsZ: readonly Street[];
  readonly land: readonly Land[];
  readonly twins: readonly [number, number] | undefined;
}

/** Depth of the land around the town. */
const RIM = 20;
/** The most streets each way that the shader's tables hold. */
const MOST_STREETS = 8;

/** Plans a town. @throws {RangeError} for fewer than 1 or more than 7 columns or rows. */
export function planTown({ seed, columns = 3, rows = 3, twins }: PlanOptions): Plan {
  for (const [name, count] of Object.entries({ columns, rows })) {
    if (!Number.isInteger(count) || count < 1 || count >= MOST_STREETS) {
      throw new RangeError(`Cannot plan a town of ${count} ${name}: give 1 to ${MOST_STREETS - 1}`);
    }
  }
  const random = new Random(seedOf(seed, 1));
  const streets = (count: number, salt: number): Street[] => {
    const list: Street[] = [];
    let at = 0;
    for (let i = 0; i <= count; i++) {
      const parking = random.chance(0.7);
      const half = parking ? random.between(5.0, 5.6) : random.between(3.1, 3.7);
      list.push({ middle: at, half, parking, seed: seedOf(seed, salt, i) & 0xffff });
      at += random.between(46, 66);
    }
    const shift = list.at(-1)!.middle / 2;
    return list.map((street) => ({ ...street, middle: street.middle - shift }));
  };
  const streetsX = streets(columns, 2), streetsZ = streets(rows, 3);
  if (twins) {
    // Alike also in width.
    const [one, other] = twins;
    streetsX[other] = { ...streetsX[one]!, middle: streetsX[other]!.middle };
  }
  const park = seedOf(seed, 5) % (columns * rows);
  const square = seedOf(seed, 6) % (columns * rows);
  const land: Land[] = [];
  for (let column = -1; column <= columns; column++) {
    for (let row = -1; row <= rows; row++) {
      const [west, east] = [streetsX[column], streetsX[column + 1]];
      const [north, south] = [streetsZ[row], streetsZ[row + 1]];
      const sides: Side[] = [];
      const inner = column >= 0 && column < columns && row >= 0 && row < rows;
      if (north && (west && east)) sides.push("north");
      if (south && (west && east)) sides.push("south");
      if (east && (north && south)) sides.push("east");
      if (west && (north && south)) sides.push("west");
      if (!sides.length) sides.push(...(east ? ["east" as const] : ["west" as const]));
      const own = column * rows + row;
      land.push({
        x0: west ? west.middle + west.half : east!.middle - east!.half - RIM,
        x1: east ? east.middle - east.half : west!.middle + west!.half + RIM,
        z0: north ? north.middle + north.half : south!.middle - south!.half - RIM,
        z1: south ? south.middle - south.half : north!.middle + north!.half + RIM,
        pavement: twins ? 3 : random.between(2.5, 3.6),
        sides,
        use: inner && !twins && own === park && columns * rows > 2
          ? "park"
          : inner && !twins && own === square && columns * rows > 4
          ? "square"
          : "houses",
        column,
        row,
        seed: seedOf(seed, 4, column, row),
      });
    }
  }
  return { seed, streetsX, streetsZ, land, twins };
}

/** The street on a side of a piece of land, if there is one. */
export function streetAt(plan: Plan, land: Land, side: Side): Street | undefined {
  if (side === "east") return plan.streetsX[land.column + 1];
  if (side === "west") return plan.streetsX[land.column];
  return side === "north" ? plan.streetsZ[land.row] : plan.streetsZ[land.row + 1];
}

/** The seed of what stands along a side: of twin streets, both have that of the first. */
export function sideSeed(plan: Plan, land: Land, side: Side): number {
  const { twins } = plan;
  if (twins && (side === "east" || side === "west")) {
    const street = side === "east" ? land.column + 1 : land.column;
    if (street === twins[1]) return seedOf(plan.seed, 7, twins[0], land.row, side === "east" ? 1 : 0);
    return seedOf(plan.seed, 7, street, land.row, side === "east" ? 1 : 0);
  }
  return seedOf(land.seed, side.charCodeAt(0));
}
