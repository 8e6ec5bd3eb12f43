/** Running commands as a user would, in this process or in one of their own. */
import config from "../../deno.json" with { type: "json" };

/** How a command ended, and what it printed. */
export interface Outcome {
  code: number;
  out: string;
  err: string;
}

/** Runs a command in this process; what it prints by `console` is kept. */
export async function inProcess(command: () => Promise<number>): Promise<Outcome> {
  const out: string[] = [], err: string[] = [];
  const { log, error } = console;
  console.log = (text) => void out.push(text);
  console.error = (text) => void err.push(text);
  try {
    return { code: await command(), out: out.join("\n"), err: err.join("\n") };
  } finally {
    console.log = log;
    console.error = error;
  }
}

/** The command that starts `framewise` with just the permissions that its task has, and never asks for more. */
export function framewise(args: readonly string[], options: Deno.CommandOptions = {}): Deno.Command {
  const [deno, run, ...task] = config.tasks.framewise.split(" ");
  if (deno !== "deno" || run !== "run") throw new Error(`unexpected task: ${config.tasks.framewise}`);
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--no-check", ...task, ...args],
    cwd: new URL("../../", import.meta.url),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    ...options,
  });
}

/** Runs `framewise ARGS` to its end in a process of its own. */
export async function runFramewise(
  args: readonly string[],
  options: Deno.CommandOptions = {},
): Promise<Outcome> {
  const { code, stdout, stderr } = await framewise(args, options).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

/** One message, one line, no stack trace. */
export function isOneMessage(text: string, command: string): boolean {
  return text.startsWith(`${command}: `) && !/\n\s*at |NaN|undefined|\[object/.test(text);
}
