// What a person sees: tables for reading, JSON for scripts, one line for an error.

import { errorText, RackError } from '../errors.ts';

/** Prints rows as aligned columns under their headings; nothing but a sentence when there are no rows. */
export function printTable(headings: readonly string[], rows: readonly (readonly string[])[], empty: string): void {
  if (rows.length === 0) {
    console.log(empty);
    return;
  }
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  console.log(line(headings));
  for (const row of rows) console.log(line(row));
}

/** Prints one `name  value` a line; the values begin in one column, whatever the names. */
export function printFields(fields: readonly (readonly [string, string])[]): void {
  const width = Math.max(0, ...fields.map(([name]) => name.length));
  for (const [name, value] of fields) console.log(`${name.padEnd(width)}  ${value}`.trimEnd());
}

export const printJson = (value: unknown): void => console.log(JSON.stringify(value, null, 2));

/** Prints a failure of the world as one line (problems of a configuration: one each); a bug with its stack. */
export function printFailure(error: unknown): void {
  if (error instanceof RackError) console.error(`rackboot: ${error.message}`);
  else if (error instanceof Error && error.stack !== undefined) console.error(`rackboot: a bug: ${error.stack}`);
  else console.error(`rackboot: ${errorText(error)}`);
}

/** Bytes as people read them: `4.2 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit] ?? ''}`;
}

/** A duration as people read it: `3 h 12 min`. */
export function formatDuration(ms: number): string {
  const total = Math.max(0, Math.round(ms / 1000));
  if (total < 60) return `${total} s`;
  const minutes = Math.floor(total / 60);
  if (minutes < 60) return `${minutes} min ${total % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}
