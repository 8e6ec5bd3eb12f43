import { assertEquals, assertRejects } from "@std/assert";
import { Turns } from "../../src/place/turns.ts";

Deno.test("turns are served in the order in which they were taken, whoever is ready first", async () => {
  const turns = new Turns(5);
  const taken = [turns.take(), turns.take(), turns.take()];
  assertEquals(taken.map(({ id }) => id), [5, 6, 7]);
  assertEquals(turns.next, 8);
  const served: number[] = [];
  const serve = async (index: number): Promise<void> => {
    await taken[index]!.ready;
    served.push(taken[index]!.id);
    taken[index]!.done();
  };
  const late = [serve(2), serve(1)];
  await Promise.resolve();
  assertEquals(served, []);
  await serve(0);
  await Promise.all(late);
  assertEquals(served, [5, 6, 7]);
});

Deno.test("after a failure all later turns fail with its reason, those before do not", async () => {
  const turns = new Turns();
  const [first, second, third] = [turns.take(), turns.take(), turns.take()];
  second.fail(new Error("the second broke"));
  await first.ready;
  first.done();
  await second.ready;
  await assertRejects(() => third.ready, Error, "the second broke");
  // Who hears that the one before failed hands it on.
  third.fail(new Error("the second broke"));
  await assertRejects(() => turns.take().ready, Error, "the second broke");
});
