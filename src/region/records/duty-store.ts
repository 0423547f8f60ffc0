// The port to the store of duties: what one process of a region at a time does.

export interface DutyHolder {
  /** True if this process has them. */
  readonly isHere: boolean;
  /** The `name` in its configuration. */
  readonly name: string;
  /** The process from which this one has just taken them. */
  readonly former?: { readonly name: string; readonly hasLeft: boolean } | undefined;
}

/** Every method is one transaction and may throw RackError `store-unavailable`. */
export interface DutyStore {
  /**
   * Takes the duties if no process has them, or renews them; they then last `forMs` from now by the
   * store's clock.
   */
  hold(forMs: number): Promise<DutyHolder>;
  /** Gives up the duties if this process has them. */
  leave(): Promise<void>;
  timeMs(): Promise<number>;
}
