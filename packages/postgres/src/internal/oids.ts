/**
 * The types that PostgreSQL is built with: their numbers, which never change, and the arrays of them.
 *
 * Types of extensions and of users have other numbers in each database. Read by `decode` and `types`.
 *
 * @internal
 */

/** name, number, number of its array. */
const table: ReadonlyArray<readonly [name: string, oid: number, array: number]> = [
  ["bool", 16, 1000], ["bytea", 17, 1001], ["char", 18, 1002], ["name", 19, 1003], ["int8", 20, 1016], ["int2", 21, 1005],
  ["int2vector", 22, 1006], ["int4", 23, 1007], ["regproc", 24, 1008], ["text", 25, 1009], ["oid", 26, 1028], ["tid", 27, 1010],
  ["xid", 28, 1011], ["cid", 29, 1012], ["oidvector", 30, 1013], ["json", 114, 199], ["xml", 142, 143], ["xid8", 5069, 271],
  ["point", 600, 1017], ["lseg", 601, 1018], ["path", 602, 1019], ["box", 603, 1020], ["polygon", 604, 1027], ["line", 628, 629],
  ["cidr", 650, 651], ["float4", 700, 1021], ["float8", 701, 1022], ["unknown", 705, 0], ["circle", 718, 719], ["money", 790, 791],
  ["macaddr", 829, 1040], ["inet", 869, 1041], ["macaddr8", 774, 775], ["aclitem", 1033, 1034], ["bpchar", 1042, 1014], ["varchar", 1043, 1015],
  ["date", 1082, 1182], ["time", 1083, 1183], ["timestamp", 1114, 1115], ["timestamptz", 1184, 1185], ["interval", 1186, 1187],
  ["timetz", 1266, 1270], ["bit", 1560, 1561], ["varbit", 1562, 1563], ["numeric", 1700, 1231], ["refcursor", 1790, 2201],
  ["regclass", 2205, 2210], ["regtype", 2206, 2211], ["record", 2249, 2287], ["void", 2278, 0], ["uuid", 2950, 2951],
  ["tsvector", 3614, 3643], ["tsquery", 3615, 3645], ["jsonb", 3802, 3807], ["int4range", 3904, 3905], ["numrange", 3906, 3907],
  ["tsrange", 3908, 3909], ["tstzrange", 3910, 3911], ["daterange", 3912, 3913], ["int8range", 3926, 3927], ["jsonpath", 4072, 4073],
  ["int4multirange", 4451, 6150], ["nummultirange", 4532, 6151], ["tsmultirange", 4533, 6152], ["tstzmultirange", 4534, 6153],
  ["datemultirange", 4535, 6155], ["int8multirange", 4536, 6157]
]

/** Numbers by name. */
export const Oid = Object.freeze({
  unspecified: 0, bool: 16, bytea: 17, int8: 20, int2: 21, int4: 23, text: 25, oid: 26, json: 114, float4: 700, float8: 701,
  timestamp: 1114, timestamptz: 1184, numeric: 1700, jsonb: 3802, box: 603
})

/** Names by number, of arrays with `[]` behind. */
export const names: ReadonlyMap<number, string> = new Map(
  table.flatMap(([name, oid, array]) => array === 0 ? [[oid, name] as const] : [[oid, name] as const, [array, `${name}[]`] as const])
)

/** The type of an array's elements, by the array's number. */
export const elements: ReadonlyMap<number, number> = new Map(table.filter(([, , array]) => array !== 0).map(([, oid, array]) => [array, oid] as const))

/** Numbers of a type and of its array, by the type's name. */
export const numbers: ReadonlyMap<string, readonly [oid: number, array: number]> = new Map(table.map(([name, oid, array]) => [name, [oid, array]] as const))
