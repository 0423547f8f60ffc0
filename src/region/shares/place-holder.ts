// Who holds a place among the answers that take long: lists, and followers of the event log.

/** The holder of a place; `end` is set once the stream has begun. */
export interface PlaceHolder {
  end?: () => void;
}

/** The name in `username address`; user names contain no space. */
export const userOf = (holder: string | number): string => String(holder).split(' ', 1)[0] ?? '';
