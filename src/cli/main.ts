/**
 * The entry of the command line: which command, and the exit code (0; 1 for a failure, 2 for wrong usage).
 *
 * @module
 */
import config from "../../deno.json" with { type: "json" };
import { DETECT_USAGE, detectCommand } from "./detect_command.ts";
import { INFO_USAGE, infoCommand } from "./info_command.ts";
import { MODELS_USAGE, modelsCommand } from "./models_command.ts";
import { reportFailure } from "./failure.ts";

const COMMANDS: Readonly<Record<string, (args: readonly string[]) => Promise<number>>> = {
  detect: detectCommand,
  info: infoCommand,
  models: modelsCommand,
};

const USAGE = `framewise ${config.version}: vision networks in frame loops, on WebGPU

${[DETECT_USAGE, INFO_USAGE, MODELS_USAGE].map((usage) => usage.split("\n").slice(1).join("\n")).join("\n\n")}

framewise COMMAND --help tells more.`;

/**
 * Runs one command.
 *
 * @param args as given to the process, the command first.
 * @returns the exit code.
 */
export async function main(args: readonly string[]): Promise<number> {
  const [name, ...rest] = args;
  if (name === "--version" || name === "-V") {
    console.log(config.version);
    return 0;
  }
  if (name === undefined || name === "--help" || name === "-h" || name === "help") {
    console.log(USAGE);
    return name === undefined ? 2 : 0;
  }
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (!command) {
    console.error(`framewise: there is no command "${name}"; there are ${Object.keys(COMMANDS).join(", ")}`);
    return 2;
  }
  try {
    return await command(rest);
  } catch (error) {
    return reportFailure(`framewise ${name}`, error);
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
