// The port to the store of duties: of several processes of a region, one at a time does the work that must happen once.

/** Every method is one transaction and may throw RackError `store-unavailable`. */
export interface DutyStore {
  /**
   * Takes the duties if no process has them, or keeps them for this long from now on, by the store's clock.
   * @returns false if another process has them
   */
  hold(forMs: number): Promise<boolean>;
  /** Gives the duties back if this process has them. */
  leave(): Promise<void>;
  /** The store's wall time, in milliseconds since 1970. */
  timeMs(): Promise<number>;
}
