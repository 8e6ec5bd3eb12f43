/**
 * Finding images: folders, globs, natural order.
 *
 * @module
 */

/** File name endings that are taken for images in folders and globs. */
const IMAGE_EXTENSIONS = new Set(
  ("jpg jpeg jpe jfif png bmp gif webp tif tiff ppm pgm pbm pnm pam tga qoi jp2 j2k jxl avif heic heif exr dpx " +
    "sgi xbm xpm pcx").split(" "),
);

/** The ending of a path in lower case, without the dot; empty if there is none. */
export function extensionOf(path: string): string {
  return /\.([^./\\]+)$/.exec(path)?.[1]?.toLowerCase() ?? "";
}

/** Whether a path ends like an image. */
export function isImagePath(path: string): boolean {
  return IMAGE_EXTENSIONS.has(extensionOf(path));
}

const collator = new Intl.Collator("en", { numeric: true, sensitivity: "variant" });

/**
 * Sorts as people count: `frame2.png` before `frame10.png`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * assertEquals(["f10", "f2", "f1"].sort(naturalOrder), ["f1", "f2", "f10"]);
 * ```
 */
export function naturalOrder(a: string, b: string): number {
  return collator.compare(a, b) || (a < b ? -1 : a > b ? 1 : 0);
}

/** Joins a folder and a name. */
function join(folder: string, name: string): string {
  return folder === "" ? name : /[/\\]$/.test(folder) ? folder + name : `${folder}/${name}`;
}

/** The files in a folder that end like images, in natural order. Hidden files are left out. */
export async function imagesIn(folder: string): Promise<string[]> {
  const paths: string[] = [];
  for await (const entry of Deno.readDir(folder)) {
    if (!entry.isDirectory && !entry.name.startsWith(".") && isImagePath(entry.name)) {
      paths.push(join(folder, entry.name));
    }
  }
  return paths.sort(naturalOrder);
}

/** Whether a path holds characters of a glob. */
export function isGlob(path: string): boolean {
  return /[*?[{]/.test(path);
}

/** One part of a glob, between slashes, as a regular expression. */
function partPattern(part: string): RegExp {
  let source = "";
  let depth = 0;
  for (let i = 0; i < part.length; i++) {
    const c = part.charAt(i);
    const close = c === "[" ? part.indexOf("]", i + 2) : -1;
    if (c === "*") source += "[^/]*";
    else if (c === "?") source += "[^/]";
    else if (close > 0) {
      const set = part.slice(i + 1, close).replace(/^!/, "^").replaceAll("\\", "\\\\");
      source += `[${set}]`;
      i = close;
    } else if (c === "{" && part.indexOf("}", i) > 0) {
      depth++;
      source += "(?:";
    } else if (c === "}" && depth > 0) {
      depth--;
      source += ")";
    } else if (c === "," && depth > 0) source += "|";
    else source += c.replace(/[.+^$()|\\{}[\]]/g, "\\$&");
  }
  return new RegExp(`^${source}$`);
}

/**
 * Files that match a glob, in natural order. Knows `*`, `?`, `[a-z]`, `{a,b}` within a name and `**` for any folders.
 */
export async function expandGlob(glob: string): Promise<string[]> {
  const parts = glob.split(/[/]+/);
  const found: string[] = [];
  const walk = async (folder: string, index: number): Promise<void> => {
    const part = parts[index];
    if (part === undefined) return;
    const last = index === parts.length - 1;
    if (!isGlob(part)) {
      const path = folder === "" && part === "" ? "/" : join(folder, part);
      const info = await Deno.stat(path).catch(() => undefined);
      if (info?.isFile && last) found.push(path);
      if (info?.isDirectory && !last) await walk(path, index + 1);
      return;
    }
    const pattern = part === "**" ? /^/ : partPattern(part);
    if (part === "**") await walk(folder, index + 1);
    const entries = await Array.fromAsync(Deno.readDir(folder === "" ? "." : folder)).catch(() => []);
    for (const entry of entries) {
      if (entry.name.startsWith(".") && !part.startsWith(".")) continue;
      if (!pattern.test(entry.name)) continue;
      const path = join(folder, entry.name);
      const isDirectory = entry.isDirectory ||
        (entry.isSymlink && part !== "**" &&
          (await Deno.stat(path).catch(() => undefined))?.isDirectory === true);
      if (isDirectory && part === "**") await walk(path, index);
      else if (isDirectory && !last) await walk(path, index + 1);
      else if (!isDirectory && last) found.push(path);
    }
  };
  await walk("", 0);
  return [...new Set(found)].sort(naturalOrder);
}
