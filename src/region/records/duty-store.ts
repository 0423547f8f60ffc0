// The port to the store of duties: one process of a region at a time does the work that must happen only once.

/** Which process has the duties. */
export interface DutyHolder {
  /** True if this process has them. */
  readonly isHere: boolean;
  /** The `name` in the configuration of the process that has them. */
  readonly name: string;
  /** The process from which this one has just taken them; undefined: it took them from no other process. */
  readonly former?: { readonly name: string; readonly hasLeft: boolean } | undefined;
}

/** Every method is one transaction and may throw RackError `store-unavailable`. */
export interface DutyStore {
  /**
   * Takes the duties if no process has them, or renews them if this process has them; they then last `forMs` from now by the store's clock.
   * @returns which process has them now
   */
  hold(forMs: number): Promise<DutyHolder>;
  /** Gives the duties back if this process has them. */
  leave(): Promise<void>;
  /** The store's wall time, in milliseconds since 1970. */
  timeMs(): Promise<number>;
}
