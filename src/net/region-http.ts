// HTTP between machines, racks and regions: parts of a target, and which answers are a region's.
// Sources: RFC 9112 §3.2.1; RFC 9110 §15.2.

/** Path and query, both undecoded; the query without its question mark. */
export function splitTarget(origin: string): { readonly path: string; readonly query: string } {
  const markIndex = origin.indexOf('?');
  return markIndex === -1
    ? { path: origin, query: '' }
    : { path: origin.slice(0, markIndex), query: origin.slice(markIndex + 1) };
}

/**
 * A field in every answer of a region, unlike any other web server's or a proxy's own. Proxies such
 * as nginx replace `Server`.
 */
export const REGION_FIELD = { name: 'X-Rackboot-Region', value: 'yes' } as const;
/** Interim answers (1xx) before an answer. A region sends none, and a proxy few. */
export const INTERIM_MAX = 8;
/**
 * Statuses that a proxy in front of a region may answer itself: "not now", and 413 to a body that
 * is too large for it, which the rack can send in parts.
 */
const PROXY_STATUSES: ReadonlySet<number> = new Set([413, 502, 503, 504]);

/** The head of an answer, with field names in lower case. */
interface AnswerHead {
  readonly statusCode?: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** True if an answer comes neither from a region nor from a proxy in front of it. */
export const isForeign = ({ statusCode = 0, headers }: AnswerHead): boolean =>
  headers[REGION_FIELD.name.toLowerCase()] === undefined && !PROXY_STATUSES.has(statusCode);

/** Other forms of the fields have only the first Host. @param rawHeaders names and values in turn */
export const countHosts = (rawHeaders: readonly string[]): number =>
  rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length;
