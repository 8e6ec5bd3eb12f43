/** A whole town: what stands in it, what moves, and how it is shaded. */
import { addHouses, type Bulk, KERB, someStyle } from "./buildings.ts";
import { Field } from "./field.ts";
import { addFurniture, addPark, addSquare, type Furniture } from "./furniture.ts";
import { type Plan, type PlanOptions, planTown } from "./plan.ts";
import { Random, seedOf } from "../tensor/random.ts";
import { frameAt, KIND } from "./solids.ts";
import { Things } from "./things.ts";
import { Traffic, type TrafficOptions } from "./traffic.ts";

/** The most solids that a town and its traffic take. */
export const SOLIDS = 12288;

/** How a town is made. */
export interface TownOptions extends PlanOptions, TrafficOptions {}

/** A town. */
export class Town {
  readonly plan: Plan;
  /** What stands still comes first and is kept; what moves is added for each frame. */
  readonly things: Things = new Things(SOLIDS);
  readonly traffic: Traffic;
  readonly field: Field;

  /** Builds it: some milliseconds. @throws {RangeError} as {@linkcode planTown} does. */
  constructor(options: TownOptions) {
    const { seed } = options;
    this.plan = planTown(options);
    const { plan, things } = this;
    const style = someStyle(new Random(seedOf(seed, 41)));
    const bulks: Bulk[] = [];
    const furniture: Furniture = { crowns: [], lamps: [] };
    const paving = new Random(seedOf(seed, 42));
    const tone = paving.between(0.24, 0.36);
    const tint = paving.between(-0.03, 0.03);
    for (const land of plan.land) {
      const [hx, hz] = [(land.x1 - land.x0) / 2, (land.z1 - land.z0) / 2];
      things.begin();
      things.add(frameAt((land.x0 + land.x1) / 2, KERB - 0.5, (land.z0 + land.z1) / 2), [hx, 0.5, hz], {
        kind: KIND.pavement,
        colour: [tone + tint, tone, tone - tint],
      });
      things.end();
      if (land.use === "park") addPark(things, land, furniture);
      else if (land.use === "square") addSquare(things, land, furniture, bulks);
      else addHouses(things, plan, land, style, bulks);
      addFurniture(things, plan, land, furniture);
    }
    this.traffic = new Traffic(plan, things, seedOf(seed, 43), options);
    things.keep();
    const xs = plan.land.flatMap(({ x0, x1 }) => [x0, x1]), zs = plan.land.flatMap(({ z0, z1 }) => [z0, z1]);
    const extent = [Math.min(...xs), Math.min(...zs), Math.max(...xs), Math.max(...zs)] as const;
    this.field = new Field(extent, bulks, furniture.crowns, furniture.lamps);
  }
}
