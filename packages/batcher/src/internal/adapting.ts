/**
 * Adapting: which share of `maxBytes` a batch is best made of, by how long the batches took.
 *
 * It climbs while the time per byte falls, rests where it does not, and halves after a timeout. It only decides: no clock
 * and no effect. Called by the engine where `adaptive` is on.
 *
 * @internal
 */

/** What is known of a batch afterwards. */
export interface Pace {
  readonly milliseconds: number
  readonly isTimedOut: boolean
}

const least = 1 / 1024
const first = 1 / 16
// Less than this is noise, and no reason to climb.
const gain = 0.95

export class Adapting {
  /** Of `maxBytes`. */
  share = first
  private best = Number.POSITIVE_INFINITY
  private bestShare = first
  private isResting = false

  /** A batch has ended; `true` where the share is another one now. */
  observe(bytes: number, limit: number, { isTimedOut, milliseconds }: Pace): boolean {
    const before = this.share
    if (isTimedOut) this.rest(this.share / 2)
    // A batch that was flushed early, or closed before the last step, says nothing about a full one.
    else if (!this.isResting && bytes > limit * 0.75) {
      const each = milliseconds / bytes
      if (each < this.best * gain) {
        this.best = each
        this.bestShare = this.share
        this.share = Math.min(1, this.share * 2)
      } else this.rest(this.bestShare)
    }
    return this.share !== before
  }

  private rest(share: number): void {
    this.share = Math.max(least, share)
    this.isResting = true
  }
}
