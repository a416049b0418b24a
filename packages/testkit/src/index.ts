export * as Case from "./Case.js"
export * as Conformance from "./Conformance.js"
export * as Law from "./Law.js"
export * as Profile from "./Profile.js"
