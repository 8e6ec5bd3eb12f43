/**
 * Makes sure that this machine has what Framewise runs on: a WebGPU adapter, ffmpeg and ffprobe. Says nothing
 * when all is there. On Debian and Ubuntu it installs what is missing; elsewhere it says what to install.
 *
 * @module
 */

/** What the set-up looks at and does on a machine; tests give their own. */
export interface Machine {
  /** `Deno.build.os`. */
  readonly os: string;
  /** Does a fresh process get a WebGPU adapter? */
  hasAdapter(): Promise<boolean>;
  /** Does the command run? */
  hasCommand(name: string): Promise<boolean>;
  /** The identifiers in /etc/os-release (`ID` and `ID_LIKE`), empty where there is no such file. */
  distributions(): Promise<string[]>;
  /** What to put before a command that needs root: nothing for root, `sudo -n`, or null if there is no way. */
  rootPrefix(): Promise<string[] | null>;
  /** Runs a command; returns null when it went well, else its output. */
  run(command: string[]): Promise<string | null>;
  /** Tells the user. */
  tell(line: string): void;
}

/** What a machine lacks. */
export interface Missing {
  readonly adapter: boolean;
  readonly ffmpeg: boolean;
}

/** The machine lacks something that could not be installed; the message says what to do. */
export class SetupError extends Error {
  override readonly name = "SetupError";
}

/** Looks for everything at once. */
export async function findMissing(machine: Machine): Promise<Missing> {
  const [adapter, ffmpeg, ffprobe] = await Promise.all([
    machine.hasAdapter(),
    machine.hasCommand("ffmpeg"),
    machine.hasCommand("ffprobe"),
  ]);
  return { adapter: !adapter, ffmpeg: !ffmpeg || !ffprobe };
}

/** Debian's packages for what is missing. */
export function debianPackages(missing: Missing): string[] {
  return [
    ...(missing.adapter ? ["mesa-vulkan-drivers", "libvulkan1"] : []),
    ...(missing.ffmpeg ? ["ffmpeg"] : []),
  ];
}

/** What to install, for a machine on which Framewise does not install by itself. */
export function advice(missing: Missing, os: string, isDebian: boolean): string {
  const what = [
    ...(missing.adapter ? ["a WebGPU adapter"] : []),
    ...(missing.ffmpeg ? ["ffmpeg and ffprobe"] : []),
  ].join(", and ");
  const lines = [`Framewise needs ${what}, which this machine does not have.`];
  if (isDebian) {
    const packages = debianPackages(missing).join(" ");
    lines.push(
      `  as root: apt-get update && apt-get install -y --no-install-recommends ${packages}`,
      `  (neither root nor sudo without a password is at hand, so it was not installed)`,
    );
    return lines.join("\n");
  }
  if (missing.adapter) lines.push(`  WebGPU: ${ADAPTER_ADVICE[os] ?? ADAPTER_ADVICE.linux}`);
  if (missing.ffmpeg) lines.push(`  ffmpeg: ${FFMPEG_ADVICE[os] ?? FFMPEG_ADVICE.linux}`);
  return lines.join("\n");
}

const ADAPTER_ADVICE: Readonly<Record<string, string>> = {
  linux: "install the Vulkan loader and a driver: the vendor's, or Mesa's (Fedora: vulkan-loader and " +
    "mesa-vulkan-drivers; Arch: vulkan-icd-loader and vulkan-swrast or the GPU's own)",
  darwin: "macOS brings Metal; run on a Mac with Metal, not in a virtual machine without a GPU",
  windows: "update the graphics driver to one with DirectX 12 or Vulkan",
};

const FFMPEG_ADVICE: Readonly<Record<string, string>> = {
  linux:
    "install the package ffmpeg (Fedora: ffmpeg-free; Arch: ffmpeg), so that both commands are on the PATH",
  darwin: "brew install ffmpeg",
  windows: "winget install Gyan.FFmpeg",
};

/**
 * Makes sure that nothing is missing.
 *
 * @throws {SetupError} when something is missing and cannot be installed, or is missing still after that.
 */
export async function setup(machine: Machine): Promise<void> {
  const missing = await findMissing(machine);
  if (!missing.adapter && !missing.ffmpeg) return;

  const isDebian = (await machine.distributions()).some((name) => name === "debian" || name === "ubuntu");
  const prefix = isDebian ? await machine.rootPrefix() : null;
  if (prefix === null) throw new SetupError(advice(missing, machine.os, isDebian));

  const packages = debianPackages(missing);
  machine.tell(`Installing ${packages.join(" ")} (once; apt-get)`);
  for (const command of [["update"], ["install", "-y", "--no-install-recommends", ...packages]]) {
    const full = [...prefix, "apt-get", ...command];
    const output = await machine.run(full);
    if (output !== null) throw new SetupError(`Cannot install: ${full.join(" ")} failed:\n${output.trim()}`);
  }

  const still = await findMissing(machine);
  if (still.adapter || still.ffmpeg) {
    throw new SetupError(
      `Installed ${packages.join(" ")}, yet ` +
        (still.adapter ? "no WebGPU adapter is found; look at VK_ICD_FILENAMES and VK_DRIVER_FILES" : "") +
        (still.adapter && still.ffmpeg ? ", and " : "") +
        (still.ffmpeg ? "ffmpeg or ffprobe does not run; look at the PATH" : ""),
    );
  }
}
