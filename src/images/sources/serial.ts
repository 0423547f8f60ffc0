// Serials, the names of a product's versions: a date, often followed by a number.
//
// Source: simplestreams 0.1 (`YYYYMMDD[.X]`); images.maas.io also writes `20240128_01`, and Ubuntu
// 14.04 `14.04.20140528`.

/**
 * Orders serials from the oldest to the newest, number by number: `20240423.9` comes before
 * `20240423.10`.
 */
export function compareSerials(a: string, b: string): number {
  const [first, second] = [splitNumbers(a), splitNumbers(b)];
  for (let at = 0; at < Math.max(first.length, second.length); at += 1) {
    const order = compareNumbers(first[at] ?? '', second[at] ?? '');
    if (order !== 0) return order;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Parses the day in a serial, such as `2024-04-23`. Undefined if it contains none. */
export function parseSerialDay(serial: string): string | undefined {
  const [, year, month = '', day = ''] = /(?<!\d)((?:19|20)\d\d)([01]\d)([0-3]\d)(?!\d)/.exec(serial) ?? [];
  if (year === undefined || month < '01' || month > '12' || day < '01' || day > '31') return undefined;
  return `${year}-${month}-${day}`;
}

/**
 * Splits a serial into its numbers, as text without leading zeroes: they may be too large for a
 * JavaScript number.
 */
const splitNumbers = (serial: string): readonly string[] =>
  [...serial.matchAll(/\d+/g)].map(([digits]) => digits.replace(/^0+(?=\d)/, ''));

/** Compares two numbers in text form. A missing number comes first. */
function compareNumbers(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}
