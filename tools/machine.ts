import type { Machine } from "./setup.ts";

/** The machine that this process runs on. */
export const thisMachine: Machine = {
  os: Deno.build.os,

  async hasAdapter(): Promise<boolean> {
    // A process keeps the Vulkan loader that it found, or did not find, at first: each look needs a new one.
    const script = "Deno.exit(await navigator.gpu?.requestAdapter() ? 0 : 1)";
    return await succeeds(Deno.execPath(), ["eval", "--no-lock", "--no-config", script]);
  },

  async hasCommand(name: string): Promise<boolean> {
    return await succeeds(name, ["-version"]);
  },

  async distributions(): Promise<string[]> {
    if (Deno.build.os !== "linux") return [];
    try {
      return parseDistributions(await Deno.readTextFile("/etc/os-release"));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) return [];
      throw error;
    }
  },

  async rootPrefix(): Promise<string[] | null> {
    if (Deno.uid() === 0) return [];
    return await succeeds("sudo", ["-n", "true"]) ? ["sudo", "-n"] : null;
  },

  async run(command: string[]): Promise<string | null> {
    const [program, ...args] = command;
    const { success, stdout, stderr } = await new Deno.Command(program!, {
      args,
      env: { DEBIAN_FRONTEND: "noninteractive" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).output();
    if (success) return null;
    const decoder = new TextDecoder();
    return decoder.decode(stdout) + decoder.decode(stderr);
  },

  tell(line: string): void {
    console.error(line);
  },
};

/** The values of `ID` and `ID_LIKE` in an os-release file. */
export function parseDistributions(text: string): string[] {
  return [...text.matchAll(/^ID(?:_LIKE)?=(.*)$/gm)]
    .flatMap(([, value]) => value!.trim().replace(/^(["'])(.*)\1$/, "$2").split(/\s+/))
    .filter((name) => name !== "");
}

async function succeeds(program: string, args: string[]): Promise<boolean> {
  try {
    const options = { args, stdin: "null", stdout: "null", stderr: "null" } as const;
    return (await new Deno.Command(program, options).output()).success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied) return false;
    throw error;
  }
}
