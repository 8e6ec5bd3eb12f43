import { Walk } from "../support/walk.ts";

/** Images `1.pgm` to `count.pgm` of a wall along which a camera goes. */
export async function writeWalk(folder: string, count: number): Promise<void> {
  const walk = new Walk();
  await Deno.mkdir(folder);
  for (let i = 0; i < count; i++) {
    const { data, width, height } = walk.frame(i);
    const head = new TextEncoder().encode(`P5 ${width} ${height} 255\n`);
    await Deno.writeFile(`${folder}/${i + 1}.pgm`, new Uint8Array([...head, ...data]));
  }
}
