export * as Codec from "./Codec.js"
export * as Postgres from "./Postgres.js"
