/**
 * Authentication: which of the driver's plugins a server may ask for, and what it then gets.
 *
 * The driver has mysql_native_password, caching_sha2_password, sha256_password and, over TLS only, mysql_clear_password.
 * Without TLS the sha2 plugins encrypt the password with the server's RSA key: one that is asked for when it is needed can
 * be anybody's who sits in between, one that is given cannot. Called by `options`.
 *
 * @internal
 */
import * as Options from "@sluice/core/Options"
import * as Either from "effect/Either"
import mysql2, { type ConnectionOptions } from "mysql2"
import { createPublicKey } from "node:crypto"

type Chosen = Pick<ConnectionOptions, "authPlugins" | "enableCleartextPlugin">

/** The driver's options. */
export const authentication = (serverPublicKey: string | undefined, isEncrypted: boolean): Options.Checked<Chosen> => {
  const clear = { enableCleartextPlugin: isEncrypted }
  if (serverPublicKey === undefined) return Either.right(clear)
  try {
    createPublicKey(serverPublicKey)
  } catch {
    return Options.refuse("serverPublicKey", "holds no public key in PEM: it is the text, not the path of a file")
  }
  const { caching_sha2_password: caching, sha256_password: sha256 } = mysql2.authPlugins
  return Either.right({
    ...clear,
    authPlugins: { caching_sha2_password: caching({ serverPublicKey }), sha256_password: sha256({ serverPublicKey }) }
  })
}
