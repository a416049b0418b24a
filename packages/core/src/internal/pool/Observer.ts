/**
 * Observer: what a pool tells of itself to whoever measures. Durations are milliseconds.
 *
 * It is `undefined` where metrics are off, so that nothing is built for nobody. Implemented by `Telemetry`.
 *
 * @internal
 */
export interface Observer {
  readonly counts: (idle: number, used: number, waiting: number) => void
  readonly created: (milliseconds: number) => void
  readonly waited: (milliseconds: number) => void
  readonly used: (milliseconds: number) => void
  readonly timedOut: () => void
}
