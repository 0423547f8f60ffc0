// The range of events in the store's log.

/** The ids of the oldest and the newest stored event; both 0 if there are none. */
export interface EventRange {
  readonly oldest: number;
  readonly newest: number;
  /** In another history the same ids may belong to other events, because a restored backup lacked some. */
  readonly history: number;
}
