// When a long piece of work reports: at every tenth.

const PARTS = 10;

/**
 * Follows one piece of work. @returns a function with 10, 20 … 100 whenever another tenth is done,
 * otherwise undefined
 */
export function followTenths(): (done: number, total: number) => number | undefined {
  let reported = 0;
  return (done, total) => {
    const parts = Math.min(PARTS, Math.floor((done / total) * PARTS));
    if (!(parts > reported)) return undefined;
    reported = parts;
    return parts * (100 / PARTS);
  };
}
