/**
 * Unsure: what the driver's converter and the server take for different characters, in a session whose character set somebody
 * has set by hand.
 *
 * Tables of data, asked of MariaDB 10.11 character by character: each of them was stored as another one or as a question mark,
 * and in big5 a second byte that the server took for a backslash left the string open. Called by `encodings`.
 *
 * @internal
 */

/** Characters that a set has no place for, or another one's. */
export const strange: Readonly<Record<string, RegExp>> = {
  utf8: /[\u{10000}-\u{10ffff}]/u, utf8mb3: /[\u{10000}-\u{10ffff}]/u,
  cp866: /[¤№]/, cp932: /\u0080/, cp1256: /[ٹڈڑکںھہے]/, greek: /[\u037a‘’€₯]/, hebrew: /¯/, koi8u: /∙/, macroman: /[¤\u2126]/, swe7: /[@[\\\]^`{-\u007f]/
}

/** The bytes, each as a character, of texts that both take for the same. */
export const sure: Readonly<Record<string, RegExp>> = {
  // oxlint-disable-next-line no-control-regex
  big5: /^(?:[\0-\x7f]|\xa1[\x40-\x44\x46-\x4d\x4f-\x59\x5b-\xc1\xc4\xc6-\xe2\xe4-\xf1\xf4-\xfd]|\xa2[\x43\x45\x48-\xfe]|\xa3[\x40-\xbf]|[\xa4-\xc5\xc9-\xf8][\x40-\xfe]|\xc6[\x40-\x7e]|\xf9[\x40-\xdc])*$/,
  // oxlint-disable-next-line no-control-regex
  gbk: /^(?:[\0-\x7f]|[\x81-\xa0\xb0-\xd6\xd8-\xf7][\x40-\xfe]|\xa2[\xa1-\xaa\xb1-\xe2\xe5-\xee\xf1-\xfc]|[\xa1\xa3][\xa1-\xfe]|\xa4[\xa1-\xf3]|\xa5[\xa1-\xf6]|\xa6[\xa1-\xb8\xc1-\xd8\xe0-\xeb\xee-\xf2\xf4\xf5]|\xa7[\xa1-\xc1\xd1-\xf1]|\xa8[\x40-\x95\xa1-\xbb\xbd\xbe\xc0\xc5-\xe9]|\xa9[\x40-\x57\x59\x5a\x5c\x60-\x88\x96\xa4-\xef]|[\xaa-\xaf\xf8-\xfd][\x40-\xa0]|\xd7[\x40-\xf9]|\xfe[\x40-\x4f])*$/,
  // oxlint-disable-next-line no-control-regex
  gb2312: /^(?:[\0-\x7f]|\xa1[\xa1-\xa3\xa5-\xa9\xab-\xfe]|\xa2[\xb1-\xfe]|[\xa3-\xa5\xa7\xb0-\xf7][\xa1-\xfe]|\xa6[\xa1-\xd8]|\xa8[\xa1-\xba\xc5-\xfe]|\xa9[\xa4-\xfe])*$/,
  // oxlint-disable-next-line no-control-regex
  sjis: /^(?:[\0-\x7f\xa1-\xdf]|\x81[\x40-\x5e\x62-\x7b\x7d-\x90\x93-\xc9\xcb-\xfc]|[\x82-\x84\x88-\x9f\xe0-\xea][\x40-\xfc])*$/,
  // oxlint-disable-next-line no-control-regex
  ujis: /^(?:[\0-\x7f]|\xa1[\xa1-\xbf\xc3-\xdc\xde-\xf0\xf3-\xfe]|\xa2[\xa1-\xcb\xcd-\xfe]|[\x8e\xa3-\xa8\xb0-\xf4][\xa1-\xfe]|\x8f(?!\xa2\xb7)[\xa1-\xfe]{2})*$/
}
