// Which events the store's log has.

/** The ids of the oldest and the newest stored event; both 0 if there are none. */
export interface EventRange {
  readonly oldest: number;
  readonly newest: number;
  /** Names the history of the log. In another one, other events may have the same ids: a restored backup lacked some. */
  readonly history: number;
}
