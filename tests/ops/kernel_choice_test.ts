import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  type ChoiceOrigin,
  chooseAmong,
  type KernelChoices,
  type LayerChoice,
  whyChosen,
} from "../../src/ops/kernel_choice.ts";

/** Candidates whose kernels are known by their first letters. */
const CANDIDATES = ["a 1", "b 1", "b 2", "c 1"].map((id) => ({ id }));

function knowing(
  chosen: string,
  ms: Record<string, number | null>,
  origin: ChoiceOrigin = "table",
): KernelChoices {
  return { find: () => ({ chosen, ms, origin }) };
}

/** What is chosen in a plan that has some kernels, and what it has then. */
function choose(choices: KernelChoices | undefined, has: readonly string[]): [LayerChoice, string[]] {
  const names = new Set(has);
  const { taken, choice } = chooseAmong("layer", CANDIDATES, choices, { names, nameOf: ({ id }) => id[0]! });
  assertEquals(taken.id, choice.chosen);
  return [choice, [...names]];
}

Deno.test("without a measurement the estimate's own is taken, and its kernel is then there", () => {
  const [choice, names] = choose(undefined, ["b"]);
  assertEquals([choice.chosen, choice.origin, choice.shared], ["a 1", "estimate", false]);
  assertEquals(names, ["b", "a"]);
});

Deno.test("of candidates about as fast as the best, the fastest whose kernel the plan has is taken", () => {
  const ms = { "a 1": 1, "b 1": 1.09, "b 2": 1.05, "c 1": 1.02 };
  assertEquals(choose(knowing("a 1", ms), ["b"])[0].chosen, "b 2");
  assertEquals(choose(knowing("a 1", ms), ["b", "c"])[0].chosen, "c 1");
  const [choice, names] = choose(knowing("a 1", ms), ["b"]);
  assertEquals([choice.shared, choice.origin, names], [true, "table", ["b"]]);
  assertStringIncludes(whyChosen(choice, () => ""), "compiled for another layer already");
});

Deno.test("the best is taken where its kernel is there, the others are slower, refused or unknown, or it was asked for", () => {
  const near = { "a 1": 1, "b 1": 1.05 };
  assertEquals(choose(knowing("a 1", near), ["a", "b"])[0].chosen, "a 1");
  assertEquals(choose(knowing("a 1", near), [])[0].chosen, "a 1");
  assertEquals(choose(knowing("a 1", { "a 1": 1, "b 1": 1.11 }), ["b"])[0].chosen, "a 1");
  assertEquals(choose(knowing("a 1", { "a 1": 1, "b 1": null }), ["b", "c"])[0].chosen, "a 1");
  assertEquals(choose(knowing("a 1", near, "forced"), ["b"])[0].chosen, "a 1");
  assertEquals(choose(knowing("gone", { gone: 1, "b 1": 1 }), ["b"])[0].origin, "estimate");
});
