import { cacheFolder } from "./model_store.ts";

/**
 * Mesa complains on stderr, twice, where XDG_RUNTIME_DIR is not set: points it to a folder of this user's cache, before
 * WebGPU starts. Does nothing on other systems, where it is set, and where a permission for it would have to be asked.
 */
export function quietMesa(): void {
  const granted = (permission: Deno.PermissionDescriptor): boolean =>
    Deno.permissions.querySync(permission).state === "granted";
  const env = (variable: string): string | undefined =>
    granted({ name: "env", variable }) ? Deno.env.get(variable) || undefined : undefined;
  if (Deno.build.os !== "linux" || !granted({ name: "env", variable: "XDG_RUNTIME_DIR" })) return;
  if (env("XDG_RUNTIME_DIR") !== undefined) return;
  try {
    const folder = `${cacheFolder(env)}/runtime`;
    if (!granted({ name: "write", path: folder })) return;
    Deno.mkdirSync(folder, { recursive: true, mode: 0o700 });
    Deno.env.set("XDG_RUNTIME_DIR", folder);
  } catch {
    // No place for it: two needless lines on stderr are no reason to stop.
  }
}
