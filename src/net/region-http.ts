// HTTP between machines, racks and regions, as all rooms read it: the parts of a target, and which answers are a region's.
// Sources: RFC 9112 §3.2.1; RFC 9110 §15.2.

/** The path of a target, and its query without the question mark, both undecoded. The query is empty if there is none. */
export function splitTarget(origin: string): { readonly path: string; readonly query: string } {
  const mark = origin.indexOf('?');
  return mark === -1 ? { path: origin, query: '' } : { path: origin.slice(0, mark), query: origin.slice(mark + 1) };
}

/**
 * A field of every answer of a region, by which a rack tells the region from any other web server, and from a proxy that answers itself.
 * `Server` would not do: proxies such as nginx replace it.
 */
export const REGION_FIELD = { name: 'X-Rackboot-Region', value: 'yes' } as const;
/** Interim answers (1xx) before an answer. A region sends none, and a proxy few. */
export const INTERIM_MAX = 8;
/**
 * Statuses that a proxy in front of a region may answer itself: "not now", and 413 to a body that is too large for it, which the rack can
 * send in parts.
 */
const OF_PROXIES: ReadonlySet<number> = new Set([413, 502, 503, 504]);

/** The part of an answer that tells where it comes from, with the names of its fields in lower case. */
interface AnswerHead {
  readonly statusCode?: number | undefined;
  readonly headers: Readonly<Record<string, unknown>>;
}

/** True if an answer is neither a region's nor one that a proxy in front of it may give. */
export const isForeign = ({ statusCode = 0, headers }: AnswerHead): boolean =>
  headers[REGION_FIELD.name.toLowerCase()] === undefined && !OF_PROXIES.has(statusCode);

/** The number of Host fields of a request, whose other forms have only the first. @param rawHeaders names and values in turn */
export const countHosts = (rawHeaders: readonly string[]): number =>
  rawHeaders.filter((name, index) => index % 2 === 0 && name.toLowerCase() === 'host').length;
