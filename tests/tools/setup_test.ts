import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { parseDistributions } from "../../tools/machine.ts";
import { type Machine, setup, SetupError } from "../../tools/setup.ts";

interface Fake extends Machine {
  readonly commands: string[];
  readonly told: string[];
}

interface Have {
  os?: string;
  adapter?: boolean;
  commands?: string[];
  distributions?: string[];
  root?: string[] | null;
  /** Does apt-get install what is asked? */
  installs?: boolean;
  aptFails?: boolean;
}

/** A machine that has what is said, and installs packages as apt-get would. */
function fakeMachine(have: Have): Fake {
  const commands: string[] = [], told: string[] = [];
  let adapter = have.adapter ?? false;
  const present = new Set(have.commands ?? []);
  return {
    os: have.os ?? "linux",
    commands,
    told,
    hasAdapter: () => Promise.resolve(adapter),
    hasCommand: (name) => Promise.resolve(present.has(name)),
    distributions: () => Promise.resolve(have.distributions ?? []),
    rootPrefix: () => Promise.resolve(have.root === undefined ? [] : have.root),
    run: (command) => {
      commands.push(command.join(" "));
      if (have.aptFails) return Promise.resolve("E: no such package");
      if (command.includes("install") && have.installs !== false) {
        if (command.includes("mesa-vulkan-drivers")) adapter = true;
        if (command.includes("ffmpeg")) present.add("ffmpeg").add("ffprobe");
      }
      return Promise.resolve(null);
    },
    tell: (line) => told.push(line),
  };
}

const FFMPEG = ["ffmpeg", "ffprobe"];

Deno.test("setup() does and says nothing when all is there", async () => {
  const machine = fakeMachine({ adapter: true, commands: FFMPEG, distributions: ["debian"] });
  await setup(machine);
  assertEquals([machine.commands, machine.told], [[], []]);
});

Deno.test("setup() installs on Debian exactly what is missing", async () => {
  const cases = [
    { have: {}, packages: "mesa-vulkan-drivers libvulkan1 ffmpeg" },
    { have: { adapter: true }, packages: "ffmpeg" },
    { have: { adapter: true, commands: ["ffmpeg"] }, packages: "ffmpeg" },
    { have: { commands: FFMPEG }, packages: "mesa-vulkan-drivers libvulkan1" },
  ];
  for (const { have, packages } of cases) {
    const machine = fakeMachine({ ...have, distributions: ["debian"] });
    await setup(machine);
    assertEquals(machine.commands, [
      "apt-get update",
      `apt-get install -y --no-install-recommends ${packages}`,
    ], `with ${JSON.stringify(have)}`);
    assertEquals(machine.told.length, 1);
  }
});

Deno.test("setup() takes distributions that are like Ubuntu, with sudo", async () => {
  const machine = fakeMachine({
    adapter: true,
    distributions: ["linuxmint", "ubuntu", "debian"],
    root: ["sudo", "-n"],
  });
  await setup(machine);
  assertEquals(machine.commands[0], "sudo -n apt-get update");
});

Deno.test("setup() says what to install where it cannot", async () => {
  const cases = [
    { have: { distributions: ["debian"], root: null }, says: "mesa-vulkan-drivers libvulkan1 ffmpeg" },
    { have: { distributions: ["fedora"] }, says: "vulkan-loader" },
    { have: { os: "darwin", adapter: true }, says: "brew install ffmpeg" },
    { have: { os: "windows", commands: FFMPEG }, says: "DirectX 12" },
    { have: { os: "freebsd" }, says: "Vulkan loader" },
  ];
  for (const { have, says } of cases) {
    const machine = fakeMachine(have);
    const error = await assertRejects(() => setup(machine), SetupError);
    assertStringIncludes(error.message, says, `with ${JSON.stringify(have)}`);
    assertEquals(machine.commands, [], `with ${JSON.stringify(have)}`);
  }
});

Deno.test("setup() names only what is missing", async () => {
  const error = await assertRejects(() => setup(fakeMachine({ os: "darwin", adapter: true })), SetupError);
  assertEquals(error.message.includes("WebGPU"), false, error.message);
});

Deno.test("setup() shows what apt-get said when it fails", async () => {
  const machine = fakeMachine({ distributions: ["debian"], aptFails: true });
  await assertRejects(() => setup(machine), SetupError, "E: no such package");
});

Deno.test("setup() fails when the installation changed nothing", async () => {
  const machine = fakeMachine({ distributions: ["debian"], installs: false });
  await assertRejects(() => setup(machine), SetupError, "no WebGPU adapter");
});

Deno.test("parseDistributions() reads ID and ID_LIKE, quoted or not", () => {
  const text = 'NAME="Linux Mint"\nID=linuxmint\nVERSION_ID="21"\nID_LIKE="ubuntu debian"\n';
  assertEquals(parseDistributions(text), ["linuxmint", "ubuntu", "debian"]);
  assertEquals(parseDistributions(""), []);
});
