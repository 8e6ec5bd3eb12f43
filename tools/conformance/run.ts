/**
 * Runs conformance cases through a session each, all on one device.
 *
 * @module
 */
import { Device } from "../../src/gpu/mod.ts";
import { Session } from "../../src/graph/session.ts";
import { OnnxError } from "../../src/onnx/error.ts";
import { GraphError } from "../../src/ops/error.ts";
import { type Case, type CaseModel, readCaseModel, readDataSets } from "./cases.ts";
import { contradiction } from "./contradiction.ts";
import { difference } from "./difference.ts";
import { outsideScope } from "./scope.ts";

/** How a case ended. */
export interface Outcome {
  readonly name: string;
  readonly verdict: "passed" | "failed" | "skipped";
  /** What differs, the error, or the reason to skip; empty for a case that passed. */
  readonly detail: string;
  /** What it took, in milliseconds. */
  readonly ms: number;
}

/**
 * Runs cases one after the other. A case is skipped if the engine refuses its model, by an error of its own, and the
 * model holds something outside the engine's scope, or if it contradicts itself (see {@linkcode contradiction}); other
 * wrong numbers are a failure whatever the model holds.
 */
export async function* runCases(cases: readonly Case[]): AsyncGenerator<Outcome> {
  let device: Device | undefined;
  try {
    for (const one of cases) {
      device ??= await Device.request({ pool: { stackBytes: 4 << 20, stackCount: 1 } });
      const started = performance.now();
      const tell = (verdict: Outcome["verdict"], detail = ""): Outcome => ({
        name: one.name,
        verdict,
        detail: detail.replaceAll(/\s*\n\s*/g, " "),
        ms: performance.now() - started,
      });
      let read: CaseModel | undefined;
      try {
        read = await readCaseModel(one);
        const wrong = await runCase(device, one, read);
        yield wrong === undefined
          ? tell("passed")
          : wrong.contradiction === undefined
          ? tell("failed", wrong.difference)
          : tell("skipped", wrong.contradiction);
      } catch (error) {
        const refused = error instanceof GraphError || error instanceof OnnxError;
        const reason = refused && read !== undefined ? outsideScope(read.model) : undefined;
        yield reason !== undefined
          ? tell("skipped", reason)
          : tell("failed", error instanceof Error ? `${error.name}: ${error.message}` : String(error));
        // Errors of the GPU arrive late; those of this case must not be thrown in the next.
        if (!refused) {
          const spent = device;
          device = undefined;
          await disposeQuietly(spent);
        }
      }
    }
  } finally {
    device?.[Symbol.dispose]();
  }
}

/** An output that departs from what is expected. */
interface Departure {
  readonly difference: string;
  /** Why that is the case's fault, if it is. */
  readonly contradiction: string | undefined;
}

async function runCase(device: Device, one: Case, read: CaseModel): Promise<Departure | undefined> {
  using session = await Session.load(device, read.bytes);
  for await (const data of readDataSets(one, read.model)) {
    const actual = await session.run(data.inputs);
    for (const [name, expected] of Object.entries(data.outputs)) {
      const wrong = difference(actual[name], expected);
      if (wrong === undefined) continue;
      return {
        difference: `output "${name}" ${wrong}`,
        contradiction: await contradiction(one, read, data, actual),
      };
    }
  }
  return undefined;
}

/** A device that failed may fail once more when it is closed; what counts was told already. */
async function disposeQuietly(device: Device): Promise<void> {
  try {
    await device.settle();
  } catch { /* the same failure, or one that it caused */ }
  try {
    device[Symbol.dispose]();
  } catch { /* likewise */ }
}
