import { assert, assertAlmostEquals, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { Town } from "../../src/world/mod.ts";
import { planTown } from "../../src/world/plan.ts";
import { LANE, roundLand, routeAlong } from "../../src/world/route.ts";
import { KIND, SOLID_FLOATS } from "../../src/world/solids.ts";

/** The walls of houses beside a street that runs north to south: place along it and to its side, size, colour, drawing. */
function wallsAt(town: Town, street: number): { shape: string; seed: number }[] {
  const { middle, half } = town.plan.streetsX[street]!;
  const { table } = town.things.solids;
  const [first, last] = [town.plan.streetsZ[0]!.middle, town.plan.streetsZ.at(-1)!.middle];
  return town.things.list.filter(({ hides, centre: [x, , z] }) =>
    hides && Math.abs(x - middle) < half + 14 && z > first && z < last
  )
    .map(({ first, centre }) => {
      const at = first * SOLID_FLOATS;
      const values = [
        centre[2],
        Math.sign(centre[0] - middle),
        ...table.subarray(at + 20, at + 24),
        table[at + 25]!,
        ...table.subarray(at + 28, at + 31),
      ];
      return { shape: values.map((value) => value.toFixed(3)).join(" "), seed: table[at + 24]! };
    })
    .sort((a, b) => a.shape < b.shape ? -1 : 1);
}

Deno.test("houses of twin streets have the same walls, but not the same doors and windows", () => {
  for (const seed of [1, 2, 3]) {
    const town = new Town({ seed, twins: [1, 2] });
    const [one, other, third] = [1, 2, 3].map((street) => wallsAt(town, street));
    assertGreater(one!.length, 20);
    assertEquals(one!.map(({ shape }) => shape), other!.map(({ shape }) => shape), `seed ${seed}`);
    assert(one!.some(({ shape }, i) => shape !== third![i]?.shape));
    assertGreater(one!.filter(({ seed }, i) => seed !== other![i]!.seed).length, one!.length * 0.9);
  }
});

Deno.test("two towns of one seed are the same, of two seeds are not", () => {
  const [a, b, c] = [5, 5, 6].map((seed) => new Town({ seed }).things.solids);
  assertEquals(a!.count, b!.count);
  assertEquals(a!.table.subarray(0, a!.count * SOLID_FLOATS), b!.table.subarray(0, b!.count * SOLID_FLOATS));
  assert(a!.table.subarray(0, 9999).some((value, i) => value !== c!.table[i]));
});

Deno.test("no house stands in a street, and parked cars stand beside the lanes", () => {
  for (const seed of [1, 2, 3, 4]) {
    const town = new Town({ seed });
    for (const { hides, low, high } of town.things.list) {
      if (!hides) continue;
      for (const { middle, half } of town.plan.streetsX) {
        assert(high[0] < middle - half || low[0] > middle + half, `seed ${seed}`);
      }
      for (const { middle, half } of town.plan.streetsZ) {
        assert(high[2] < middle - half || low[2] > middle + half, `seed ${seed}`);
      }
    }
    town.traffic.add(town.things, 0, 0, () => "fine");
    const cars = town.things.list.filter(({ label }) => label === 2);
    assertGreater(cars.length, 20);
    // Whatever stands on the road keeps clear of all others.
    const boxes = town.things.list.filter(({ label }) => label >= 2 && label <= 4).filter(({ low }) =>
      low[1] < 0.2
    );
    let touching = 0;
    for (const [i, a] of boxes.entries()) {
      for (const b of boxes.slice(i + 1)) {
        if ([0, 2].every((axis) => a.low[axis]! < b.high[axis]! && b.low[axis]! < a.high[axis]!)) touching++;
      }
    }
    assert(touching <= 3, `seed ${seed}: ${touching} pairs of ${boxes.length} vehicles touch`);
  }
});

Deno.test("traffic added for a frame is forgotten at the next, and keeps its numbers", () => {
  const { things, traffic } = new Town({ seed: 8 });
  const kept = [things.list.length, things.solids.count];
  traffic.add(things, 3, 0, () => "fine");
  const first = things.list.map(({ id }) => id);
  assertEquals(new Set(first).size, first.length, "no number twice");
  assertGreater(things.list.length, kept[0]! + 100);
  things.rewind();
  assertEquals([things.list.length, things.solids.count], kept);
  traffic.add(things, 3, 0, () => "fine");
  assertEquals(things.list.map(({ id }) => id), first);
  things.rewind();
  traffic.add(things, 3, 1, () => "fine");
  const other = new Set(things.list.map(({ id }) => id));
  const gone = first.filter((id) => !other.has(id)).length;
  assertGreater(gone, 20, "another day, other cars");
});

Deno.test("a route keeps to its lane, turns smoothly, and closes", () => {
  const plan = planTown({ seed: 9 });
  const route = routeAlong(plan, roundLand(1, 1), LANE);
  const land = plan.land.find(({ column, row }) => column === 1 && row === 1)!;
  let last = route.at(0);
  for (let metres = 0.5; metres <= route.length + 5; metres += 0.5) {
    const here = route.at(metres);
    assertAlmostEquals(Math.hypot(here.x - last.x, here.z - last.z), 0.5, 0.06, `at ${metres} m`);
    assert(Math.abs(here.yaw - last.yaw) < 0.25, `at ${metres} m: from ${last.yaw} to ${here.yaw}`);
    const outside = Math.max(land.x0 - here.x, here.x - land.x1, land.z0 - here.z, here.z - land.z1);
    assert(outside > 0.3 && outside < 6, `at ${metres} m: ${outside} m from the land`);
    last = here;
  }
  const [start, end] = [route.at(1), route.at(route.length + 1)];
  assertAlmostEquals(start.x, end.x, 1e-6);
  assertAlmostEquals(end.yaw - start.yaw, 2 * Math.PI, 1e-6);
});

Deno.test("plans and routes that cannot be are refused", () => {
  assertThrows(() => planTown({ seed: 1, columns: 8 }), RangeError, "8 columns");
  assertThrows(() => planTown({ seed: 1, rows: 0 }), RangeError, "0 rows");
  const plan = planTown({ seed: 1 });
  assertThrows(() => routeAlong(plan, [[0, 0], [1, 1]], LANE), RangeError, "one street joins them");
});

Deno.test("every solid of a town has sizes and colours that can be drawn", () => {
  const { solids } = new Town({ seed: 10 }).things;
  const kinds = new Set<number>(Object.values(KIND));
  for (let i = 0; i < solids.count; i++) {
    const at = i * SOLID_FLOATS;
    const row = solids.table.subarray(at, at + SOLID_FLOATS);
    assert(row.every(Number.isFinite), `solid ${i}: ${row.join(" ")}`);
    assert(row.subarray(28, 31).every((half) => half > 0), `solid ${i}: half sizes`);
    assert(
      row.subarray(20, 23).every((value) => value >= 0 && value <= 1),
      `solid ${i}: colour ${row.subarray(20, 23)}`,
    );
    assert(kinds.has(row[23]!), `solid ${i}: kind ${row[23]}`);
  }
});
