export * from "../ops/attribute.ts";
