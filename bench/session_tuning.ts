import type { Device } from "../src/gpu/mod.ts";
import type { SessionOptions } from "../src/graph/mod.ts";

/**
 * What a session of a benchmark is made with: on hardware as a command's, with the same cache, so that a machine is
 * measured as it is used; on software adapters by the table that comes with the engine, whatever a cache has.
 */
export async function benchTuning({ target }: Pick<Device, "target">): Promise<SessionOptions> {
  if (target.software) return {};
  // Loaded where it is of use only: a first result's time has what is loaded in it.
  const { sessionTuning } = await import("../src/cli/tuning.ts");
  return sessionTuning(undefined, (line) => console.error(line));
}
