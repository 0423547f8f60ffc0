// A count with its noun, for everything that people read: `1 disk`, `2 disks`.

/** @param count a whole number of at least 0  @param many for a noun that does not only take an s, or with its verb */
export const counted = (count: number, one: string, many: string = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;
