/**
 * The entry of the command line: which command, and the exit code (0; 1 for a failure, 2 for wrong usage).
 *
 * @module
 */
import config from "../../deno.json" with { type: "json" };
import { detectCommand } from "./detect_command.ts";
import { DETECT_USAGE } from "./detect_options.ts";
import { EVAL_USAGE, evalCommand } from "./eval_command.ts";
import { INFO_USAGE, infoCommand } from "./info_command.ts";
import { loopsCommand } from "./loops_command.ts";
import { LOOPS_USAGE } from "./loops_options.ts";
import { MODELS_USAGE, modelsCommand } from "./models_command.ts";
import { PROFILE_USAGE, profileCommand } from "./profile_command.ts";
import { reportFailure } from "./failure.ts";
import { quietMesa } from "./mesa.ts";
import { VOCABULARY_USAGE, vocabularyCommand } from "./vocabulary_command.ts";
import { worldCommand } from "./world_command.ts";
import { WORLD_USAGE } from "./world_options.ts";

const COMMANDS: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  detect: detectCommand,
  eval: evalCommand,
  info: infoCommand,
  loops: loopsCommand,
  models: modelsCommand,
  profile: profileCommand,
  vocabulary: vocabularyCommand,
  world: worldCommand,
};

const USAGE = `framewise ${config.version}: vision networks in frame loops, on WebGPU

Usage:
${
  [
    DETECT_USAGE,
    EVAL_USAGE,
    INFO_USAGE,
    LOOPS_USAGE,
    MODELS_USAGE,
    PROFILE_USAGE,
    VOCABULARY_USAGE,
    WORLD_USAGE,
  ].map((
    usage,
  ) => usage.split("\n").slice(1).join("\n"))
    .join("\n\n")
}

  framewise COMMAND --help                  one command's part of this
  framewise --version`;

const SEE_HELP = "see: framewise --help";

/**
 * Runs one command.
 *
 * @param args as given to the process, the command first.
 * @returns the exit code: 0, 1 for a failure, 2 for wrong usage.
 */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--version" || name === "-V") {
    console.log(config.version);
    return 0;
  }
  if (name === "--help" || name === "-h" || name === "help") {
    console.log(USAGE);
    return 0;
  }
  if (name === undefined) {
    console.error(USAGE);
    return 2;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) {
    const what = name.startsWith("-") ? "option" : "command";
    const known = Object.keys(COMMANDS).join(", ");
    console.error(`framewise: there is no ${what} "${name}"; the commands are ${known}\n${SEE_HELP}`);
    return 2;
  }
  try {
    return await command(rest);
  } catch (error) {
    return reportFailure(`framewise ${name}`, error, SEE_HELP);
  }
}

/** Runs the command that the process was started with, and ends the process with its exit code. */
export async function runProcess(): Promise<never> {
  quietMesa();
  // An error that nobody awaits would end the process with a stack trace.
  globalThis.addEventListener("unhandledrejection", (event) => {
    event.preventDefault();
    Deno.exit(reportFailure("framewise", event.reason));
  });
  Deno.exit(await main(Deno.args));
}

if (import.meta.main) await runProcess();
