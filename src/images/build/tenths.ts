// Long work reports its progress at every tenth.

const TENTHS = 10;

/**
 * Follows one piece of work. @returns a function that returns 10, 20 … 100 when another tenth is
 * complete, and otherwise undefined
 */
export function createTenthsReporter(): (done: number, total: number) => number | undefined {
  let reported = 0;
  return (done, total) => {
    const tenths = Math.min(TENTHS, Math.floor((done / total) * TENTHS));
    if (!(tenths > reported)) return undefined;
    reported = tenths;
    return tenths * (100 / TENTHS);
  };
}
