import { assert, assertEquals, assertLessOrEqual } from "@std/assert";
import fc from "fast-check";
import { type Lifetime, planArena } from "../../src/graph/arena.ts";

const lifetime: fc.Arbitrary<Lifetime> = fc.tuple(
  fc.integer({ min: 1, max: 5000 }),
  fc.integer({ min: -1, max: 30 }),
  fc.integer({ min: 0, max: 12 }),
).map(([bytes, first, length]) => ({ bytes, first, last: first + length }));

Deno.test("planArena() never lets two pieces overlap that are alive together", () => {
  fc.assert(
    fc.property(fc.array(lifetime, { maxLength: 40 }), fc.constantFrom(16, 256), (pieces, alignment) => {
      const { offsets, bytes } = planArena(pieces, alignment);
      assertEquals(offsets.length, pieces.length);
      pieces.forEach((piece, i) => {
        assertEquals(offsets[i]! % alignment, 0);
        assertLessOrEqual(offsets[i]! + piece.bytes, bytes);
        pieces.slice(0, i).forEach((other, j) => {
          if (other.first > piece.last || piece.first > other.last) return;
          const apart = offsets[i]! + piece.bytes <= offsets[j]! || offsets[j]! + other.bytes <= offsets[i]!;
          assert(
            apart,
            `pieces ${j} and ${i} overlap: ${JSON.stringify([other, offsets[j], piece, offsets[i]])}`,
          );
        });
      });
    }),
    { seed: 1, numRuns: 500 },
  );
});

Deno.test("planArena() takes no more than all pieces side by side, and no less than what is alive at once", () => {
  fc.assert(
    fc.property(fc.array(lifetime, { minLength: 1, maxLength: 40 }), (pieces) => {
      const { bytes } = planArena(pieces, 16);
      const aligned = (value: number): number => Math.ceil(value / 16) * 16;
      assertLessOrEqual(bytes, pieces.reduce((sum, piece) => sum + aligned(piece.bytes), 0));
      for (const { first } of pieces) {
        const alive = pieces.filter((piece) => piece.first <= first && first <= piece.last);
        assertLessOrEqual(alive.reduce((sum, piece) => sum + aligned(piece.bytes), 0), bytes);
      }
    }),
    { seed: 2, numRuns: 300 },
  );
});

Deno.test("planArena() gives memory back: a chain of equal tensors takes two of them", () => {
  const chain = Array.from({ length: 20 }, (_, i) => ({ bytes: 1024, first: i, last: i + 1 }));
  assertEquals(planArena(chain, 256).bytes, 2048);
  assertEquals(planArena([], 256), { offsets: [], bytes: 0 });
});
