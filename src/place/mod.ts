/**
 * Places: has the camera been here before?
 *
 * @module
 */
export * from "./bag_database.ts";
export * from "./bag_database_file.ts";
export * from "./bag_direct_index.ts";
export * from "./vocabulary/mod.ts";
