// Formats sizes, durations and times for people.
//
// 1. A value is rounded before its unit is chosen, so no text reads `60 s` or `1024.0 KiB`.

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

/** Formats a size: `4.2 GiB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let tenths = bytes * 10;
  let unit = 0;
  while (Math.round(tenths) >= 10_240 && unit < UNITS.length - 1) {
    tenths /= 1024;
    unit += 1;
  }
  return `${(Math.round(tenths) / 10).toFixed(1)} ${UNITS[unit] ?? ''}`;
}

/** Like `formatBytes`, for a narrow place: without `.0`, and with a space that does not break: `8 GiB`. */
export const formatSize = (bytes: number): string => formatBytes(bytes).replace(/(?:\.0)? /, '\u00a0');

/** Formats a duration, rounded to seconds: `3 h 12 min`. */
export function formatDuration(ms: number): string {
  const totalSeconds = Math.max(0, Math.round(ms / 1000));
  if (totalSeconds < 60) return `${totalSeconds} s`;
  const minutes = Math.floor(totalSeconds / 60);
  if (minutes < 60) return `${minutes} min ${totalSeconds % 60} s`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ${minutes % 60} min` : `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Formats a duration, precise to milliseconds if it is short: `3 ms`, `2.4 s`, `10 min`. */
export function formatSpan(ms: number): string {
  const wholeMs = Math.max(0, Math.round(ms));
  if (wholeMs < 1000) return `${wholeMs} ms`;
  const tenths = Math.round(wholeMs / 100);
  return tenths < 600 ? `${tenths / 10} s` : formatDuration(wholeMs).replace(/ 0 (?:s|min|h)$/, '');
}

/**
 * Formats the time since a start, precise enough to keep the order of steps: `9.54 s`, `59.9 s`,
 * `1:05 min`; from 10 minutes on `12 min`, `3 h`.
 */
export function formatOffset(ms: number): string {
  const hundredths = Math.round(ms / 10);
  if (hundredths < 1000) return `${(hundredths / 100).toFixed(2)} s`;
  const tenths = Math.round(ms / 100);
  if (tenths < 600) return `${(tenths / 10).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  const minutes = Math.floor(seconds / 60);
  if (minutes < 10) return `${minutes}:${String(seconds % 60).padStart(2, '0')} min`;
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h`;
}

/** Formats how long ago something was: `3 s ago`, `5 min ago`, `2 h ago`, `4 d ago`. */
export function formatAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 5) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86_400)} d ago`;
}

/** Formats a wall time in UTC, to the second: `2026-11-20T11:02:03Z`. */
export const formatWallTime = (wallMs: number): string => new Date(wallMs).toISOString().replace(/\.\d+Z$/, 'Z');

/** A moment as JSON and sentences of the daemon write it, or as events of the region do. */
const UTC_MOMENT = /\b\d{4}-\d\d-\d\d(?:T\d\d:\d\d:\d\d(?:\.\d+)?Z| \d\d:\d\d UTC)(?!\w)/g;

/**
 * Formats a wall time by the clock of this host, with the offset of its zone (RFC 3339 §5.6):
 * `2026-11-20 12:02:03+01:00`.
 * @param fraction digits after the second
 */
export function formatLocalTime(wallMs: number, fraction = ''): string {
  const offsetMinutes = -new Date(wallMs).getTimezoneOffset();
  const local = new Date(wallMs + offsetMinutes * 60_000).toISOString().slice(0, 19).replace('T', ' ');
  const padTwoDigits = (value: number): string => String(value).padStart(2, '0');
  const absoluteMinutes = Math.abs(offsetMinutes);
  const offset = `${offsetMinutes < 0 ? '-' : '+'}${padTwoDigits(Math.floor(absoluteMinutes / 60))}:${padTwoDigits(absoluteMinutes % 60)}`;
  return `${local}${fraction === '' ? '' : `.${fraction}`}${offset}`;
}

/** A text for people of this host, in which each moment in UTC is one of local time. */
export const withLocalTimes = (text: string): string =>
  text.replace(UTC_MOMENT, (moment) => formatLocalTime(Date.parse(moment)));
