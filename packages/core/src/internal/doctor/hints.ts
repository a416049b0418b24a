/**
 * Hints: what to do about a failure, by its reason, and by the codes of the network and of TLS, which are the same for every
 * dialect.
 *
 * What the codes of a server mean, its dialect says. Called by `examine`.
 *
 * @internal
 */
import type { Reason } from "../../Reason.js"

export const hintOf = (reason: Reason, endpoint: string | undefined): string | undefined => {
  const where = endpoint ?? "the server"
  switch (reason._tag) {
    case "ConfigError":
      return reason.field === "database" ? "there is no such database, or the user may not see it: check `database`" : `check \`${reason.field}\``
    case "AuthenticationError":
      return "the server does not let this user in: check `username` and `password`, and from where the user may come"
    case "AuthorizationError":
      return "the user lacks a privilege: somebody who has it must GRANT it"
    case "LockTimeoutError":
      return "another connection or process holds a lock: see what it does"
    case "UnsupportedError":
      return `the server lacks what the config asks for: ${reason.capability}`
    case "ConnectionError":
      return ofCode(String(reason.code ?? ""), where)
    default:
      return reason.isRetryable ? "it may work the next time: try again" : undefined
  }
}

const untrusted = "`tls.ca` must hold the authority of the server's certificate, which is not among those that are trusted"

const codes: Readonly<Record<string, (where: string) => string>> = {
  ECONNREFUSED: (where) => `nobody listens at ${where}: is the server up, and are \`host\` and \`port\` right?`,
  ENOTFOUND: () => "the name is not known to DNS: check `host`",
  EAI_AGAIN: () => "no name server answered: check the network, then `host`",
  ETIMEDOUT: (where) => `${where} does not answer: is a firewall between, is the server overloaded, are \`host\` and \`port\` right?`,
  EHOSTUNREACH: () => "no way leads to this host: check the network, then `host`",
  ENETUNREACH: () => "no way leads to this network: check the network, then `host`",
  ECONNRESET: (where) => `what listens at ${where} hung up: is it a server of this kind, and does it let us in?`,
  EPIPE: (where) => `what listens at ${where} hung up: is it a server of this kind, and does it let us in?`,
  ENOENT: (where) => `there is no ${where}: is the server up, and is the path right?`,
  EACCES: (where) => `${where} may not be opened by this user: check its permissions`,
  ERR_TLS_CERT_ALTNAME_INVALID: () => "the certificate is for other names: `host`, or `tls.servername`, must be one of them",
  ERR_TLS_IDENTITY_REFUSED: () => "`tls.checkServerIdentity` refused the certificate: is it the one that is expected?",
  CERT_HAS_EXPIRED: () => "the server's certificate has expired: it must be renewed there",
  CERT_NOT_YET_VALID: () => "the server's certificate does not hold yet: are both clocks right?",
  CERT_REVOKED: () => "the server's certificate was revoked: it must be replaced there",
  CRL_HAS_EXPIRED: () => "the list in `tls.crl` is out of date: get the authority's newest",
  UNABLE_TO_GET_CRL: () => "`tls.crl` has no list of the certificate's authority",
  SELF_SIGNED_CERT_IN_CHAIN: () => untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: () => untrusted,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: () => untrusted,
  UNABLE_TO_GET_ISSUER_CERT: () => untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: () => untrusted
}

const ofCode = (code: string, where: string): string | undefined =>
  Object.hasOwn(codes, code) ? codes[code]?.(where)
    : /^(?:ERR_SSL_|EPROTO)/.test(code) ? "the server and `tls` have no version or cipher in common, or it speaks no TLS there: check `tls.minVersion`, `tls.ciphers` and `port`"
    : undefined
