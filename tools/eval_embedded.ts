/**
 * Evaluates the networks that come with Framewise on drawn pictures of seeds that their training excludes:
 * `deno run -A tools/eval_embedded.ts`. docs/town.md tells what is measured. The exit code is 1 if a target is missed.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import { quietMesa } from "../src/cli/mesa.ts";
import { evaluate } from "./eval_embedded/evaluate.ts";
import { type PartName, PARTS } from "./eval_embedded/figures.ts";
import { EvaluationError } from "./eval_embedded/networks.ts";
import { describeEvaluation, withEvaluation } from "./eval_embedded/tell.ts";

const USAGE = `Usage: eval:embedded [options]
  --only PART      ${PARTS.join(", ")}; may be given several times
  --quick          few pictures: shows that everything works, the figures say little
  --models DIR     other files than those in models/town
  --python CMD     a Python with cv2, to compare with OpenCV's ORB
  --no-reference   without ONNX Runtime
  --json FILE      writes all figures
  --write PAGE     puts the tables into a page, such as docs/town.md`;

/** The command; returns its exit code: 1 if a target is missed or it fails, 2 for wrong usage. */
export async function main(
  args: readonly string[],
  print: (text: string) => void = console.log,
): Promise<number> {
  const unknown: string[] = [];
  const { only, quick, models, python, reference, json, write, help } = parseArgs([...args], {
    string: ["only", "models", "python", "json", "write"],
    boolean: ["quick", "reference", "help"],
    negatable: ["reference"],
    default: { reference: true },
    collect: ["only"],
    unknown: (arg) => {
      unknown.push(arg);
      return false;
    },
  });
  unknown.push(...only.filter((part) => !PARTS.includes(part as PartName)).map((part) => `--only ${part}`));
  if (help) {
    print(USAGE);
    return 0;
  }
  if (unknown.length > 0) {
    console.error(`eval:embedded: unknown: ${unknown.join(", ")}\n${USAGE}`);
    return 2;
  }
  try {
    const page = write === undefined ? undefined : await Deno.readTextFile(write);
    const evaluation = await evaluate({
      ...(only.length > 0 && { parts: only as PartName[] }),
      size: quick ? "quick" : "full",
      ...(models !== undefined && { models }),
      ...(python !== undefined && { python }),
      reference,
      tell: (message) => console.error(`eval:embedded: ${message}`),
    });
    print(describeEvaluation(evaluation));
    if (json !== undefined) await Deno.writeTextFile(json, `${JSON.stringify(evaluation, null, 2)}\n`);
    if (page !== undefined) await Deno.writeTextFile(write!, withEvaluation(page, evaluation));
    return evaluation.figures.some(({ reached }) => reached === false) ? 1 : 0;
  } catch (error) {
    if (!(error instanceof EvaluationError || error instanceof Deno.errors.NotFound)) throw error;
    console.error(`eval:embedded: ${error.message}`);
    return 1;
  }
}

if (import.meta.main) {
  quietMesa();
  Deno.exit(await main(Deno.args));
}
