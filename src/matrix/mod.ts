/**
 * Operations on matrices, in the manner of OpenCV: kernels on the stream of their destination. A program in OpenCV's
 * style is carried over line by line:
 *
 * ```cpp
 * setBufferPoolUsage(true);                                  // C++
 * setBufferPoolConfig(getDevice(), 1024 * 1024 * 64, 2);
 * Stream stream;
 * BufferPool pool(stream);
 * GpuMat frame = pool.getBuffer(480, 640, CV_8UC3);
 * GpuMat small = pool.getBuffer(240, 320, CV_8UC3);
 * GpuMat gray = pool.getBuffer(240, 320, CV_8UC1);
 * frame.setTo(Scalar(10, 20, 30), stream);
 * cuda::resize(frame, small, small.size(), 0, 0, INTER_AREA, stream);
 * cuda::cvtColor(small, gray, COLOR_BGR2GRAY, 0, stream);
 * gray(Rect(0, 0, 16, 16)).setTo(Scalar(0), stream);
 * Mat result;
 * gray.download(result, stream);
 * stream.waitForCompletion();
 * ```
 *
 * @example The same with Framewise
 * ```ts
 * import { cvtColor, Device, resize } from "@framewise/framewise";
 *
 * using device = await Device.request({ pool: { stackBytes: 1024 * 1024 * 64, stackCount: 2 } });
 * using stream = device.stream();
 * const { pool } = stream;
 * using frame = pool.getBuffer(480, 640, "8UC3");
 * using small = pool.getBuffer(240, 320, "8UC3");
 * using gray = pool.getBuffer(240, 320, "8UC1");
 * frame.setTo([10, 20, 30]);
 * resize(frame, small, "area");
 * cvtColor(small, gray, "BGR2GRAY");
 * gray.roi(0, 0, 16, 16).setTo(0);
 * const result = await gray.download();
 * console.assert(result[0] === 0 && result[16] === 22);
 * ```
 *
 * @module
 */
export * from "./blob_from_image.ts";
export * from "./border.ts";
export { type ColorCode, cvtColor } from "./cvt_color.ts";
export * from "./normalize.ts";
export { type Interpolation, resize } from "./resize.ts";
