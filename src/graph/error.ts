export * from "../ops/error.ts";
