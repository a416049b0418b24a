/**
 * Sizes: how many bytes a statement is, as the limits count them.
 *
 * Nothing is encoded for it. Called where a statement is added.
 *
 * @internal
 */

/** The bytes of a text, or of a part of it, in UTF-8. Half of a surrogate pair counts 3, as its replacement would. */
export const utf8 = (text: string, from = 0, to = text.length): number => {
  let bytes = to - from
  for (let i = from; i < to; i++) {
    const unit = text.charCodeAt(i)
    if (unit < 0x80) continue
    if (unit < 0x800) bytes++
    else if (unit >= 0xd800 && unit < 0xdc00 && (text.charCodeAt(i + 1) & 0xfc00) === 0xdc00) {
      // A pair is two units and four bytes.
      bytes += 2
      i++
    } else bytes += 2
  }
  return bytes
}

/** The bytes of a parameter: of a text in UTF-8, of bytes their number, of anything else 8. */
export const ofParameter = (value: unknown): number => {
  if (typeof value === "string") return utf8(value)
  if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return value.byteLength
  return value === null || value === undefined ? 0 : 8
}
