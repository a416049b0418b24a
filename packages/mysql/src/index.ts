export * as Mysql from "./Mysql.js"
