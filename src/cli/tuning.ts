/**
 * How commands tune: the option, the clock, and the files in the cache folder.
 *
 * @module
 */
import process from "node:process";
import type { SessionOptions, TuneMode } from "../graph/mod.ts";
import { tuningFolder } from "../video/tuning_folder.ts";
import type { Arguments } from "./arguments.ts";
import { CatalogueError } from "./catalogue.ts";
import { UsageError } from "./failure.ts";
import { cacheFolder, type Env } from "./model_store.ts";

/** The line of usage texts. */
export const TUNE_USAGE =
  `    --tune off|fast|full         time kernels on this adapter first, for up to 10 s, and keep the choice in
                                 the cache folder: the likely ones, or all. off: take what is known.
                                 If not given: fast, and off where the adapter is software`;

const MODES: readonly TuneMode[] = ["off", "fast", "full"];

/** Reads `--tune`; `undefined` leaves it to the session. @throws {UsageError} */
export function readTune(given: Arguments): TuneMode | undefined {
  const text = given.value("tune");
  if (text === undefined) return undefined;
  const mode = MODES.find((known) => known === text);
  if (mode) return mode;
  throw new UsageError(`--tune is "${text}"; it must be one of ${MODES.join(", ")}`);
}

/** Milliseconds that all processors together have spent on this process. */
export function processorMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/**
 * What a session of a command is made with: on software adapters kernels are timed by processor time, since the machine may
 * do other things; what was found lies in `tuning` of the cache folder, if there is one.
 *
 * @param mode `undefined` leaves it to the session.
 * @param say takes messages.
 */
export function sessionTuning(
  mode: TuneMode | undefined,
  say: (message: string) => void,
  env?: Env,
): Pick<SessionOptions, "tune" | "tuning" | "warn"> {
  const folder = tuningCache(env);
  return {
    ...(mode && { tune: mode }),
    tuning: {
      processorMs,
      ...(folder !== undefined && { store: tuningFolder(folder) }),
      onLayer: (done, all, layer) => {
        if (done === 0) say(`timing kernels of ${all} layers, ${layer} first`);
      },
    },
    warn: say,
  };
}

/** Where files of measurements are; `undefined` where there is no place for a cache. */
function tuningCache(env?: Env): string | undefined {
  try {
    return `${env ? cacheFolder(env) : cacheFolder()}/tuning`;
  } catch (error) {
    if (error instanceof CatalogueError) return undefined;
    throw error;
  }
}
