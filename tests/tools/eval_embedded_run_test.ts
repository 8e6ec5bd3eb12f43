import { assert, assertEquals } from "@std/assert";
import { evaluate } from "../../tools/eval_embedded/evaluate.ts";
import { PARTS } from "../../tools/eval_embedded/figures.ts";

Deno.test("the embedded networks give the same figures through Framewise and ONNX Runtime, in all parts", async () => {
  const told: string[] = [];
  const { figures, details, seconds } = await evaluate({ size: "quick", tell: (text) => told.push(text) });
  assertEquals(new Set(figures.map(({ part }) => part)), new Set(PARTS));
  for (const { part, name, values, agrees } of figures) {
    assertEquals(agrees, true, `${part}: ${name}: ${JSON.stringify(values)}`);
  }
  const pairs = figures.find(({ name }) => name === "pairs, all pairs")!.values;
  assert(pairs.Framewise! > 0, "no pair of pictures counts");
  assertEquals(details.map(({ part }) => part), ["detector", "detector", "features", "loops"]);
  assertEquals(told.length, 4, "each set of pictures is told");
  for (const part of PARTS) {
    for (const engine of ["Framewise", "ONNX Runtime"]) assert(seconds[`${part}, ${engine}`]! > 0);
  }
});
