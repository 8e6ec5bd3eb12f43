/**
 * Framewise: a WebGPU inference engine for frame loops. An ONNX network is loaded once, planned once, and then run
 * frame after frame without creating anything on the GPU.
 *
 * Everything here uses web-standard APIs only. Video files and images, the drawn town and the command
 * line are in `@framewise/framewise/video`, `@framewise/framewise/world` and `@framewise/framewise/cli`.
 *
 * @example
 * ```ts no-eval
 * import { Device, hostTensor, Session } from "@framewise/framewise";
 *
 * using device = await Device.request();
 * using session = await Session.load(device, "network.onnx");
 * const image = hostTensor("f32", [1, 3, 224, 224], new Float32Array(3 * 224 * 224));
 * const outputs = await session.run({ image });
 * console.log(Object.keys(outputs));
 * ```
 *
 * @module
 */
export * from "./src/gpu/mod.ts";
export * from "./src/tensor/mod.ts";
export * from "./src/graph/mod.ts";
export * from "./src/vision/mod.ts";
export * from "./src/matrix/mod.ts";
export * from "./src/embedded/mod.ts";
export * from "./src/detect/mod.ts";
export * from "./src/place/mod.ts";
export * from "./src/frame/mod.ts";
