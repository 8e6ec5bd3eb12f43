/**
 * What comes with Framewise: networks that were trained on the town that it draws.
 *
 * @module
 */
export * from "./networks.ts";
